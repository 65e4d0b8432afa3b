-- Who of a tenant may see which document.
--
-- The session's setting names a tenant and, behind slashes, who of it asks:
--   TENANT                    sees what the whole tenant may see, and nothing else
--   TENANT/USER/ROLE          a user: also what is theirs, or shared with them or with their role
--   TENANT/USER/ROLE/manage   an administrator: also the rows of all documents, without their texts
--   TENANT/*                  everything: jobs, and what was decided before the transaction began
-- Whatever forgets to say who asks so sees too little, never too much.

CREATE TABLE access_lists (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    owner_id uuid NOT NULL REFERENCES users,
    -- In order. Both empty: private.
    roles text[] NOT NULL CHECK (roles <@ ARRAY['owner', 'admin', 'member', 'reader']),
    users uuid[] NOT NULL,
    UNIQUE (owner_id, roles, users)
);
CREATE INDEX access_lists_roles ON access_lists (tenant_id) WHERE roles <> '{}';
CREATE INDEX access_lists_users ON access_lists USING gin (users);
ALTER TABLE access_lists ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_lists FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON access_lists USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON access_lists TO groundwell_app;

-- Who asks ------------------------------------------------------------------------------------

CREATE FUNCTION caller_part(place integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(split_part(current_setting('groundwell.tenant', true), '/', place), '');

CREATE FUNCTION sees_everything() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(caller_part(2) = '*', false);

CREATE FUNCTION manages_documents() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sees_everything() OR coalesce(caller_part(4) = 'manage', false);

-- The access lists that the caller is on. Policies ask only when they meet a row that is not for
-- everybody.
CREATE FUNCTION readable_access() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = groundwell, pg_temp
AS $$
DECLARE
    tenant uuid := current_tenant();
    asking uuid;
BEGIN
    IF caller_part(2) IS NULL OR caller_part(2) = '*' THEN
        RETURN '{}';
    END IF;
    asking := caller_part(2)::uuid;
    RETURN ARRAY(
        SELECT a.id FROM access_lists a WHERE a.tenant_id = tenant AND a.owner_id = asking
        UNION
        SELECT a.id FROM access_lists a
        WHERE a.tenant_id = tenant AND a.roles <> '{}' AND caller_part(3) = ANY(a.roles)
        UNION
        SELECT a.id FROM access_lists a WHERE a.tenant_id = tenant AND a.users @> ARRAY[asking]
    );
END $$;

-- The policy of a table whose rows are made of documents.
CREATE FUNCTION guard_by_access(guarded text, or_else text DEFAULT 'false') RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $outer$
DECLARE
    allowed text := format(
        'tenant_id = (SELECT current_tenant()) AND (access_id = 0 OR (SELECT sees_everything())'
        ' OR access_id = ANY((SELECT readable_access())::integer[]) OR %s)', or_else);
BEGIN
    EXECUTE format('DROP POLICY IF EXISTS tenant_rows ON %I', guarded);
    EXECUTE format(
        'CREATE POLICY tenant_rows ON %I USING (%s) WITH CHECK (%s)', guarded, allowed, allowed);
END $outer$;
REVOKE ALL ON FUNCTION guard_by_access FROM PUBLIC;

SELECT guard_by_access('documents', '(SELECT manages_documents())');
SELECT guard_by_access('document_versions');
SELECT guard_by_access('chunks');
SELECT guard_by_access('chunk_terms');

-- Documents -----------------------------------------------------------------------------------

ALTER TABLE documents
    -- Whose credential brought it. A user who has documents cannot be deleted before they are
    -- handed over.
    ADD COLUMN owner_id uuid REFERENCES users,
    ADD CONSTRAINT documents_restricted_by_owner CHECK (access_id = 0 OR owner_id IS NOT NULL),
    -- Ids and keys are unique among what the whole tenant sees, and among what each user keeps to
    -- some. If they were unique in the collection, a refused id would tell of a hidden document.
    ADD COLUMN namespace uuid NOT NULL GENERATED ALWAYS AS (
        CASE WHEN access_id = 0 THEN '00000000-0000-0000-0000-000000000000' ELSE owner_id END
    ) STORED,
    ADD CONSTRAINT documents_id_unique UNIQUE (collection_id, id, namespace),
    ADD CONSTRAINT documents_key_unique UNIQUE (collection_id, s3_key, namespace);
CREATE INDEX documents_owner ON documents (owner_id);
CREATE INDEX documents_access ON documents (collection_id, access_id);

CREATE FUNCTION copy_access() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    NEW.access_id := (SELECT d.access_id FROM documents d WHERE d.uid = NEW.document_uid);
    RETURN NEW;
END $$;

CREATE TRIGGER access_of_document BEFORE INSERT ON document_versions
    FOR EACH ROW EXECUTE FUNCTION copy_access();
CREATE TRIGGER access_of_document BEFORE INSERT ON chunks
    FOR EACH ROW EXECUTE FUNCTION copy_access();
CREATE TRIGGER access_of_document BEFORE INSERT ON chunk_terms
    FOR EACH ROW EXECUTE FUNCTION copy_access();

-- Statistics ----------------------------------------------------------------------------------

-- As term_statistics, which counts what everybody may see, for each access list; the term '' counts
-- its chunks. A query is so weighed by what its caller may see, and tells nothing of the rest.
CREATE TABLE restricted_terms (
    collection_id uuid NOT NULL REFERENCES collections ON DELETE CASCADE,
    term text NOT NULL,
    access_id integer NOT NULL,
    tenant_id uuid NOT NULL,
    document_frequency integer NOT NULL,
    PRIMARY KEY (collection_id, term, access_id)
) WITH (fillfactor = 70);
ALTER TABLE restricted_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE restricted_terms FORCE ROW LEVEL SECURITY;
SELECT guard_by_access('restricted_terms');
CREATE POLICY search_reads ON restricted_terms FOR SELECT TO groundwell_search USING (true);
GRANT SELECT ON restricted_terms TO groundwell_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON restricted_terms TO groundwell_app;

-- Adds chunks to the statistics, or takes them away with negative counts. A term that stands nowhere
-- any more leaves no row.
CREATE FUNCTION count_terms(collection uuid, access integer, terms text[], counts integer[])
RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    IF access = 0 THEN
        INSERT INTO term_statistics AS s (collection_id, term, tenant_id, document_frequency)
        SELECT collection, t.term, current_tenant(), t.count
        FROM unnest(terms, counts) AS t (term, count)
        ON CONFLICT (collection_id, term) DO UPDATE
            SET document_frequency = s.document_frequency + excluded.document_frequency;
        IF 0 > ANY(counts) THEN
            DELETE FROM term_statistics s
            WHERE s.collection_id = collection AND s.term = ANY(terms)
              AND s.document_frequency <= 0;
        END IF;
    ELSE
        INSERT INTO restricted_terms AS r
            (collection_id, term, access_id, tenant_id, document_frequency)
        SELECT collection, t.term, access, current_tenant(), t.count
        FROM unnest(terms, counts) AS t (term, count)
        ON CONFLICT (collection_id, term, access_id) DO UPDATE
            SET document_frequency = r.document_frequency + excluded.document_frequency;
        IF 0 > ANY(counts) THEN
            DELETE FROM restricted_terms r
            WHERE r.collection_id = collection AND r.access_id = access AND r.term = ANY(terms)
              AND r.document_frequency <= 0;
        END IF;
    END IF;
END $$;

-- How many of a collection's chunks the caller may see.
CREATE FUNCTION visible_chunks(of_collection collections) RETURNS bigint
LANGUAGE sql STABLE SET search_path = groundwell, pg_temp
RETURN CASE WHEN of_collection.restricted_chunks = 0 THEN of_collection.chunk_count
            ELSE of_collection.chunk_count - of_collection.restricted_chunks
                 + (SELECT coalesce(sum(r.document_frequency), 0) FROM restricted_terms r
                    WHERE r.collection_id = of_collection.id AND r.term = '') END;

-- In how many chunks that not everybody, but the caller may see a term stands.
CREATE FUNCTION restricted_frequency(of_collection collections, asked text) RETURNS integer
LANGUAGE sql STABLE SET search_path = groundwell, pg_temp
RETURN CASE WHEN of_collection.restricted_chunks = 0 THEN 0
            ELSE (SELECT coalesce(sum(r.document_frequency), 0)::integer FROM restricted_terms r
                  WHERE r.collection_id = of_collection.id AND r.term = asked) END;

-- Another list for a document: what is made of it, and what counts it, goes along. Needs the lock of
-- the collection's statistics.
CREATE FUNCTION move_access() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, public, pg_temp
AS $$
DECLARE
    asking text := current_setting('groundwell.tenant', true);
    space integer;
    terms text[];
    counts integer[];
    chunks_moved integer;
BEGIN
    -- Whoever may change the list need not be on it.
    PERFORM set_config('groundwell.tenant', NEW.tenant_id || '/*', true);
    SELECT array_agg(n.term), array_agg(n.count) INTO terms, counts
    FROM (
        SELECT substr(u.lexeme, strpos(u.lexeme, ':') + 1) AS term, count(*)::integer AS count
        FROM chunk_terms t, unnest(t.lexemes) AS u WHERE t.document_uid = NEW.uid GROUP BY 1
    ) AS n;
    SELECT count(*) INTO chunks_moved FROM chunk_terms t WHERE t.document_uid = NEW.uid;
    IF chunks_moved > 0 THEN
        PERFORM count_terms(NEW.collection_id, OLD.access_id, terms, ARRAY(
            SELECT -count FROM unnest(counts) AS c (count)));
        PERFORM count_terms(NEW.collection_id, NEW.access_id, terms, counts);
        IF OLD.access_id <> 0 THEN
            PERFORM count_terms(NEW.collection_id, OLD.access_id, '{""}', ARRAY[-chunks_moved]);
        END IF;
        IF NEW.access_id <> 0 THEN
            PERFORM count_terms(NEW.collection_id, NEW.access_id, '{""}', ARRAY[chunks_moved]);
        END IF;
        UPDATE collections SET restricted_chunks = restricted_chunks + chunks_moved
            * ((NEW.access_id <> 0)::integer - (OLD.access_id <> 0)::integer)
        WHERE id = NEW.collection_id;
    END IF;
    UPDATE document_versions SET access_id = NEW.access_id WHERE document_uid = NEW.uid;
    UPDATE chunks SET access_id = NEW.access_id WHERE document_uid = NEW.uid;
    UPDATE chunk_terms SET access_id = NEW.access_id WHERE document_uid = NEW.uid;
    FOR space IN SELECT s.id FROM embedding_spaces s LOOP
        EXECUTE format('UPDATE %I SET access_id = $1 WHERE document_uid = $2', 'space_' || space)
        USING NEW.access_id, NEW.uid;
    END LOOP;
    PERFORM set_config('groundwell.tenant', asking, true);
    RETURN NULL;
END $$;

CREATE TRIGGER move_access AFTER UPDATE OF access_id ON documents
    FOR EACH ROW WHEN (OLD.access_id <> NEW.access_id) EXECUTE FUNCTION move_access();

-- Remembered results end with a change of who may see a document, too.
DROP TRIGGER change_of_document ON documents;
CREATE CONSTRAINT TRIGGER change_of_document
    AFTER UPDATE OF title, filename, metadata, attributes, active_version_id, access_id ON documents
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    WHEN ((OLD.title, OLD.filename, OLD.metadata, OLD.attributes, OLD.active_version_id,
           OLD.access_id)
          IS DISTINCT FROM
          (NEW.title, NEW.filename, NEW.metadata, NEW.attributes, NEW.active_version_id,
           NEW.access_id))
    EXECUTE FUNCTION note_changed_document();

-- Deletion and export -------------------------------------------------------------------------

-- An answer that quotes a deleted document would keep its text: the answer goes along, the question
-- stays. Answers say by internal ids what they were drawn from: whoever deletes a document of his own
-- must not withdraw answers from another one of the same public id.
CREATE INDEX messages_drawn_from ON messages USING gin ((metadata->'drawn_from') jsonb_path_ops);
CREATE FUNCTION forget_quotations() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    UPDATE messages m
    SET content = 'This answer quoted a document that has been deleted.',
        metadata = m.metadata || '{"citations": [], "drawn_from": [], "is_withdrawn": true}'
    WHERE m.tenant_id = OLD.tenant_id
      AND m.metadata->'drawn_from' @> jsonb_build_array(OLD.uid);
    RETURN NULL;
END $$;
CREATE TRIGGER forget_quotations AFTER DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION forget_quotations();

-- Whose a set of judged queries is; it outlives its maker.
ALTER TABLE eval_sets ADD COLUMN owner_id uuid REFERENCES users ON DELETE SET NULL;
CREATE INDEX eval_sets_owner ON eval_sets (owner_id);
