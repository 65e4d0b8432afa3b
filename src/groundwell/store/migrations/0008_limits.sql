-- How often somebody asks, and how much a tenant holds.

-- Counts of requests: two windows for each user and rule. Unlogged: they are worth nothing after a
-- crash, and a request should not wait for a disk.
CREATE UNLOGGED TABLE rate_windows (
    -- Without authentication there are callers who are no users.
    user_id uuid NOT NULL,
    rule text NOT NULL,
    seconds integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- Seconds since 1970.
    began double precision NOT NULL,
    previous integer NOT NULL DEFAULT 0,
    current integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, user_id, rule, seconds)
) WITH (fillfactor = 50);

-- Counts up to `wanted` requests, each for all of its rules: as many as the rule with the least room
-- leaves. A sliding window of two counts, as domain/rate_window.py describes it. The clock is read
-- under the lock, so that no request is judged by a time that is older than a count it sees. The
-- rules come sorted, so that nobody waits in a circle. One row for each rule, in order, as it is
-- after that; `wait_seconds` is 0 where one more would fit. The lock of a row is held for less than
-- a millisecond: who does not get it within a second had better ask elsewhere.
CREATE FUNCTION take_requests(
    caller text, who uuid, wanted integer, rules text[], counts integer[], lengths integer[]
) RETURNS TABLE (
    granted integer, remaining integer, reset_seconds double precision,
    wait_seconds double precision
)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
    tolerance CONSTANT double precision := 1e-6;
    total CONSTANT integer := array_length(rules, 1);
    tenant CONSTANT uuid := left(caller, 36)::uuid;
    held rate_windows;
    windows rate_windows[];
    moment double precision;
    age double precision;
    used double precision;
    passing integer := wanted;
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    FOR i IN 1 .. total LOOP
        LOOP
            SELECT * INTO held FROM rate_windows w
            WHERE w.tenant_id = tenant AND w.user_id = who AND w.rule = rules[i]
              AND w.seconds = lengths[i]
            FOR NO KEY UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO rate_windows (user_id, rule, seconds, tenant_id, began)
            VALUES (who, rules[i], lengths[i], tenant, extract(epoch FROM clock_timestamp()))
            ON CONFLICT DO NOTHING;
        END LOOP;
        windows[i] := held;
    END LOOP;
    moment := extract(epoch FROM clock_timestamp());
    FOR i IN 1 .. total LOOP
        held := windows[i];
        age := moment - held.began;
        -- A clock that went back begins anew.
        IF age < 0 OR age >= 2 * held.seconds THEN
            held.began := moment;
            held.previous := 0;
            held.current := 0;
        ELSIF age >= held.seconds THEN
            held.began := held.began + held.seconds;
            held.previous := held.current;
            held.current := 0;
        END IF;
        used := held.previous * (1 - (moment - held.began) / held.seconds) + held.current;
        passing := least(passing, greatest(0, floor(counts[i] - used + tolerance)));
        windows[i] := held;
    END LOOP;
    FOR i IN 1 .. total LOOP
        held := windows[i];
        held.current := held.current + passing;
        IF passing > 0 THEN
            UPDATE rate_windows w
            SET began = held.began, previous = held.previous, current = held.current
            WHERE w.tenant_id = tenant AND w.user_id = who AND w.rule = rules[i]
              AND w.seconds = lengths[i];
        END IF;
        age := moment - held.began;
        used := held.previous * (1 - age / held.seconds) + held.current;
        granted := passing;
        remaining := greatest(0, floor(counts[i] - used + tolerance));
        reset_seconds := held.seconds - age;
        wait_seconds := CASE
            WHEN used + 1 <= counts[i] + tolerance THEN 0
            WHEN held.current < counts[i] THEN
                (1 - (counts[i] - held.current - 1)::double precision / held.previous)
                * held.seconds - age
            ELSE held.seconds - age
                + (1 - (counts[i] - 1)::double precision / held.current) * held.seconds
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- What a tenant holds: a sum that is folded now and then, and the changes since.
--
-- Each transaction notes its own changes as rows of its own and waits for nobody. One counter for a
-- tenant would be locked by every upload and every swap until its end, and two that also share a
-- document would wait in a circle.

CREATE TABLE tenant_usage (
    tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    bytes bigint NOT NULL,
    documents bigint NOT NULL,
    chunks bigint NOT NULL,
    queued bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE usage_changes (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- By it a transaction knows its own.
    transaction_id bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    bytes bigint NOT NULL DEFAULT 0,
    documents bigint NOT NULL DEFAULT 0,
    chunks bigint NOT NULL DEFAULT 0,
    queued bigint NOT NULL DEFAULT 0
);
CREATE INDEX usage_changes_tenant ON usage_changes (tenant_id);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['rate_windows', 'tenant_usage', 'usage_changes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_rows ON %I USING (tenant_id = (SELECT current_tenant()))'
            ' WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO groundwell_app', name);
    END LOOP;
END $$;

-- Triggers, not calls: a new way to remove or finish a document cannot forget to count. Of a tenant
-- that goes with its documents nothing is counted any more.

CREATE FUNCTION is_queued(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN status IN ('pending', 'indexing');

CREATE FUNCTION note_usage_of_documents() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO usage_changes (tenant_id, documents, chunks, queued)
        SELECT tenant_id, count(*), sum(chunk_count), count(*) FILTER (WHERE is_queued(status))
        FROM added GROUP BY tenant_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO usage_changes (tenant_id, documents, chunks, queued)
        SELECT tenant_id, -count(*), -sum(chunk_count), -count(*) FILTER (WHERE is_queued(status))
        FROM removed WHERE tenant_id IN (SELECT t.id FROM tenants t) GROUP BY tenant_id;
    ELSE
        INSERT INTO usage_changes (tenant_id, chunks, queued)
        VALUES (NEW.tenant_id, NEW.chunk_count - OLD.chunk_count,
                is_queued(NEW.status)::integer - is_queued(OLD.status)::integer);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_of_new_documents AFTER INSERT ON documents
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_usage_of_documents();
CREATE TRIGGER usage_of_removed_documents AFTER DELETE ON documents
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION note_usage_of_documents();
CREATE TRIGGER usage_of_changed_document AFTER UPDATE OF status, chunk_count ON documents
    FOR EACH ROW
    WHEN (OLD.chunk_count <> NEW.chunk_count OR is_queued(OLD.status) <> is_queued(NEW.status))
    EXECUTE FUNCTION note_usage_of_documents();

CREATE FUNCTION note_usage_of_versions() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO usage_changes (tenant_id, bytes)
        SELECT tenant_id, sum(file_size) FROM added GROUP BY tenant_id;
    ELSE
        INSERT INTO usage_changes (tenant_id, bytes)
        SELECT tenant_id, -sum(file_size) FROM removed
        WHERE tenant_id IN (SELECT t.id FROM tenants t) GROUP BY tenant_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_of_new_versions AFTER INSERT ON document_versions
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_usage_of_versions();
CREATE TRIGGER usage_of_removed_versions AFTER DELETE ON document_versions
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION note_usage_of_versions();

-- What the session's tenant holds, without and with the changes of the own transaction.
CREATE FUNCTION sum_usage() RETURNS TABLE (
    bytes bigint, documents bigint, chunks bigint, queued bigint,
    own_bytes bigint, own_documents bigint, own_chunks bigint, own_queued bigint
) LANGUAGE sql STABLE SET search_path = groundwell, pg_temp
AS $$
    WITH parts AS (
        SELECT u.bytes, u.documents, u.chunks, u.queued, false AS own
        FROM tenant_usage u WHERE u.tenant_id = (SELECT current_tenant())
        UNION ALL
        SELECT c.bytes, c.documents, c.chunks, c.queued,
               c.transaction_id IS NOT DISTINCT FROM
                   pg_current_xact_id_if_assigned()::text::bigint
        FROM usage_changes c WHERE c.tenant_id = (SELECT current_tenant())
    )
    SELECT coalesce(sum(p.bytes) FILTER (WHERE NOT own), 0)::bigint,
           coalesce(sum(p.documents) FILTER (WHERE NOT own), 0)::bigint,
           coalesce(sum(p.chunks) FILTER (WHERE NOT own), 0)::bigint,
           coalesce(sum(p.queued) FILTER (WHERE NOT own), 0)::bigint,
           coalesce(sum(p.bytes) FILTER (WHERE own), 0)::bigint,
           coalesce(sum(p.documents) FILTER (WHERE own), 0)::bigint,
           coalesce(sum(p.chunks) FILTER (WHERE own), 0)::bigint,
           coalesce(sum(p.queued) FILTER (WHERE own), 0)::bigint
    FROM parts p
$$;

CREATE FUNCTION usage_lock() RETURNS bigint
LANGUAGE sql STABLE SET search_path = groundwell, pg_temp
RETURN hashtextextended('usage/' || current_tenant()::text, 0);

-- The same, while everybody who also asks so waits until the transaction ends. What others have
-- committed before is seen: the sum has a snapshot of its own, taken under the lock.
CREATE FUNCTION claim_usage() RETURNS TABLE (
    bytes bigint, documents bigint, chunks bigint, queued bigint,
    own_bytes bigint, own_documents bigint, own_chunks bigint, own_queued bigint
) LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(usage_lock());
    RETURN QUERY SELECT * FROM sum_usage();
END $$;

CREATE FUNCTION read_usage(caller text)
RETURNS TABLE (bytes bigint, documents bigint, chunks bigint, queued bigint)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY SELECT s.bytes, s.documents, s.chunks, s.queued FROM sum_usage() s;
END $$;

-- Adds the changes to the sum, unless somebody else is at it. In one statement: whoever reads at
-- the same time sees all of it or nothing.
CREATE FUNCTION fold_usage() RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(usage_lock()) THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM usage_changes c WHERE c.tenant_id = (SELECT current_tenant()) RETURNING c.*
    )
    INSERT INTO tenant_usage AS u (tenant_id, bytes, documents, chunks, queued)
    SELECT g.tenant_id, sum(g.bytes), sum(g.documents), sum(g.chunks), sum(g.queued)
    FROM gone g GROUP BY g.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE
    SET bytes = u.bytes + excluded.bytes, documents = u.documents + excluded.documents,
        chunks = u.chunks + excluded.chunks, queued = u.queued + excluded.queued;
    -- Windows that count no more are forgotten on the way.
    DELETE FROM rate_windows w WHERE w.began + 2 * w.seconds < extract(epoch FROM now());
END $$;

-- Puts what is there in place of what was counted. One snapshot sees both the rows and the changes
-- that were noted with them, so that work in progress is neither lost nor counted twice.
CREATE FUNCTION recount_usage() RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(usage_lock());
    WITH gone AS (
        DELETE FROM usage_changes c WHERE c.tenant_id = (SELECT current_tenant())
    )
    INSERT INTO tenant_usage AS u (tenant_id, bytes, documents, chunks, queued)
    SELECT current_tenant(),
           (SELECT coalesce(sum(v.file_size), 0) FROM document_versions v),
           count(*), coalesce(sum(d.chunk_count), 0), count(*) FILTER (WHERE is_queued(d.status))
    FROM documents d
    ON CONFLICT (tenant_id) DO UPDATE
    SET bytes = excluded.bytes, documents = excluded.documents,
        chunks = excluded.chunks, queued = excluded.queued;
END $$;

REVOKE ALL ON FUNCTION take_requests, sum_usage, usage_lock, claim_usage, read_usage, fold_usage,
    recount_usage FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_requests, sum_usage, usage_lock, claim_usage, read_usage, fold_usage,
    recount_usage TO groundwell_app;
