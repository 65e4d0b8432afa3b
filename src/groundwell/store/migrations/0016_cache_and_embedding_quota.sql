-- A cache that all processes share: answers that cost more to make than to read. Unlogged: it is worth
-- nothing after a crash, and a request should not wait for a disk.
CREATE UNLOGGED TABLE cache_entries (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    put_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX cache_entries_expiry ON cache_entries (expires_at);
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE cache_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON cache_entries USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO groundwell_app;

-- Each of these takes who asks first, and sees the rows of that tenant only. A row that somebody else
-- holds is waited for no longer than making the answer anew would take.

CREATE FUNCTION read_cache(caller text, wanted text)
RETURNS TABLE (content bytea, seconds_left double precision)
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
DECLARE
    tenant CONSTANT uuid := left(caller, 36)::uuid;
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    RETURN QUERY
    SELECT e.content, extract(epoch FROM e.expires_at - clock_timestamp())::double precision
    FROM cache_entries e
    WHERE e.tenant_id = tenant AND e.key = wanted AND e.expires_at > clock_timestamp();
END $$;

CREATE FUNCTION put_into_cache(caller text, name text, bytes bytea, seconds double precision)
RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp SET lock_timeout = '1s'
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    INSERT INTO cache_entries AS e (tenant_id, key, content, put_at, expires_at)
    VALUES (left(caller, 36)::uuid, name, bytes, clock_timestamp(),
            clock_timestamp() + make_interval(secs => seconds))
    ON CONFLICT (tenant_id, key) DO UPDATE
    SET content = excluded.content, put_at = excluded.put_at, expires_at = excluded.expires_at;
END $$;

CREATE FUNCTION delete_from_cache(caller text, beginning text) RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp SET lock_timeout = '1s'
AS $$
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    DELETE FROM cache_entries e
    WHERE e.tenant_id = left(caller, 36)::uuid AND starts_with(e.key, beginning);
END $$;

-- What is too old goes, then what was put first, until the rest is within the bound. Rows that
-- somebody else removes or replaces at this moment are left to him.
CREATE FUNCTION trim_cache(caller text, most_bytes bigint) RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
    tenant CONSTANT uuid := left(caller, 36)::uuid;
BEGIN
    PERFORM set_config('groundwell.tenant', caller, true);
    DELETE FROM cache_entries e WHERE (e.tenant_id, e.key) IN (
        SELECT locked.tenant_id, locked.key FROM cache_entries locked
        JOIN (
            SELECT sized.key, sized.expires_at,
                   sum(octet_length(sized.content) + octet_length(sized.key))
                       OVER (ORDER BY sized.put_at DESC, sized.key) AS total
            FROM cache_entries sized WHERE sized.tenant_id = tenant
        ) held ON held.key = locked.key
        WHERE locked.tenant_id = tenant
          AND (held.total > most_bytes OR held.expires_at <= clock_timestamp())
        FOR UPDATE OF locked SKIP LOCKED
    );
END $$;

-- Of all tenants, for the maintenance job: only what nobody would be given any more.
CREATE POLICY keeper_finds ON cache_entries FOR SELECT TO groundwell_keeper
    USING (expires_at <= now());
CREATE POLICY keeper_forgets ON cache_entries FOR DELETE TO groundwell_keeper
    USING (expires_at <= now());
GRANT SELECT, DELETE ON cache_entries TO groundwell_keeper;
CREATE FUNCTION forget_expired_cache() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM cache_entries WHERE expires_at <= now() RETURNING key
    )
    SELECT count(*) FROM gone;
END;
GRANT CREATE ON SCHEMA groundwell TO groundwell_keeper;
ALTER FUNCTION forget_expired_cache OWNER TO groundwell_keeper;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_keeper;

REVOKE ALL ON FUNCTION read_cache, put_into_cache, delete_from_cache, trim_cache,
    forget_expired_cache FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_cache, put_into_cache, delete_from_cache, trim_cache,
    forget_expired_cache TO groundwell_app;

-- How many chunks were embedded of a tenant on each day (UTC). What it holds does not tell: who deletes
-- and uploads again has everything embedded again.
CREATE TABLE embedded_chunks (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    day date NOT NULL,
    chunks bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 50);
ALTER TABLE embedded_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE embedded_chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON embedded_chunks USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON embedded_chunks TO groundwell_app;

CREATE FUNCTION today() RETURNS date
LANGUAGE sql STABLE
RETURN (statement_timestamp() AT TIME ZONE 'UTC')::date;

CREATE FUNCTION read_embedded() RETURNS bigint
LANGUAGE sql STABLE SET search_path = groundwell, pg_temp
RETURN coalesce((SELECT e.chunks FROM embedded_chunks e
                 WHERE e.tenant_id = current_tenant() AND e.day = today()), 0);

CREATE FUNCTION count_embedded(tenant uuid, added bigint) RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    INSERT INTO embedded_chunks AS e (tenant_id, day, chunks) VALUES (tenant, today(), added)
    ON CONFLICT (tenant_id, day) DO UPDATE SET chunks = e.chunks + excluded.chunks;
    DELETE FROM embedded_chunks e WHERE e.tenant_id = tenant AND e.day < today();
END $$;

REVOKE ALL ON FUNCTION read_embedded, count_embedded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_embedded, count_embedded TO groundwell_app;
