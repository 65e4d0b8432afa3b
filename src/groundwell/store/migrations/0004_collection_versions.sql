-- What a cache of search results asks: has anything changed that a result could show?
--
-- The version is the id of the last transaction that changed the collection: 64 bits, so no id
-- comes twice, and a collection that is deleted and made again has another id.
--
-- Triggers, not calls: a new write to a title or a statistic cannot forget them, and as deferred
-- ones they run at the commit. So the row here is the last that a transaction locks, and only for
-- as long as the commit takes. A number in `collections` itself would be locked during the whole
-- of a swap: whoever changes a title holds the document, which the swap then waits for.

CREATE TABLE collection_versions (
    -- No foreign key: its check would lock the collection, which a swap has locked.
    collection_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    version bigint NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE collection_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE collection_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON collection_versions USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON collection_versions TO groundwell_app;

-- Gives a collection, of the session's tenant unless another is named, a version that it never
-- had. For changes that no trigger sees; the last statement of their transaction.
CREATE FUNCTION note_collection_change(collection uuid, tenant uuid DEFAULT current_tenant())
RETURNS void
LANGUAGE sql SET search_path = groundwell, pg_temp
AS $$
    INSERT INTO collection_versions AS v (collection_id, tenant_id, version)
    VALUES (collection, tenant, pg_current_xact_id()::text::bigint)
    ON CONFLICT (collection_id) DO UPDATE SET version = excluded.version
    -- A transaction that changes a thousand documents writes the row once.
    WHERE v.version <> excluded.version
$$;

CREATE FUNCTION note_changed_document() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM note_collection_change(NEW.collection_id, NEW.tenant_id);
    RETURN NULL;
END $$;

CREATE FUNCTION note_changed_collection() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM collection_versions v WHERE v.collection_id = OLD.id;
    ELSE
        PERFORM note_collection_change(NEW.id, NEW.tenant_id);
    END IF;
    RETURN NULL;
END $$;

-- Every swap and every removal of searchable chunks writes the statistics, even to the same values.
-- Updates that name none of the columns, such as a new description, do not fire it.
CREATE CONSTRAINT TRIGGER change_of_statistics
    AFTER UPDATE OF chunk_count, term_count, average_length OR DELETE ON collections
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note_changed_collection();

-- What results show of a document, and what filters see. Progress and errors are not among it.
CREATE CONSTRAINT TRIGGER change_of_document
    AFTER UPDATE OF title, filename, metadata, attributes, active_version_id ON documents
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    WHEN ((OLD.title, OLD.filename, OLD.metadata, OLD.attributes, OLD.active_version_id)
          IS DISTINCT FROM
          (NEW.title, NEW.filename, NEW.metadata, NEW.attributes, NEW.active_version_id))
    EXECUTE FUNCTION note_changed_document();

-- The id and version of a collection, and which of its access lists the caller is on, in one round
-- trip; no row for one that is not there. Who is on the same lists finds the same.
CREATE FUNCTION read_collection_version(caller text, collection text)
RETURNS TABLE (collection_id uuid, version bigint, readable integer[])
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT c.id, coalesce(v.version, 0),
           CASE WHEN c.restricted_chunks > 0 THEN ARRAY(
               SELECT r.access_id FROM restricted_terms r
               WHERE r.collection_id = c.id AND r.term = '' AND r.document_frequency > 0
               ORDER BY r.access_id
           ) ELSE '{}' END
    FROM collections c LEFT JOIN collection_versions v ON v.collection_id = c.id
    WHERE c.name = collection;
END $$;

REVOKE ALL ON FUNCTION note_collection_change, read_collection_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_collection_change, read_collection_version TO groundwell_app;
