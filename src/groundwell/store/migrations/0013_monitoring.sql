-- What each worker has counted. Workers have no address where a monitor could ask them, so they write it
-- here every few seconds, and any server tells it. Nothing is lost that matters when a crash empties it.
CREATE UNLOGGED TABLE worker_metrics (
    process text PRIMARY KEY,
    reported_at timestamptz NOT NULL DEFAULT now(),
    samples jsonb NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_metrics TO groundwell_app;

-- The tenant that the installation began with: whoever administers it runs the server.
CREATE FUNCTION find_first_tenant() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT t.id FROM tenants t ORDER BY t.created_at, t.id LIMIT 1;
END;
GRANT CREATE ON SCHEMA groundwell TO groundwell_search;
ALTER FUNCTION find_first_tenant OWNER TO groundwell_search;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_search;
REVOKE ALL ON FUNCTION find_first_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_first_tenant TO groundwell_app;
