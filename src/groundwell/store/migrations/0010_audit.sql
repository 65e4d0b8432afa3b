-- The audit log, and what the jobs and evaluations of all processes have come to.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundwell_keeper') THEN
        CREATE ROLE groundwell_keeper NOLOGIN;
    END IF;
END $$;

GRANT groundwell_keeper TO CURRENT_USER WITH SET TRUE, INHERIT FALSE;
GRANT USAGE, CREATE ON SCHEMA groundwell TO groundwell_keeper;

-- Nothing refers to other tables: an entry outlives its user, its document and its tenant.
CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,
    actor_id uuid,
    object text,
    detail text,
    count integer NOT NULL DEFAULT 1 CHECK (count > 0),
    request_id text,
    address text
);
CREATE INDEX audit_log_of_tenant ON audit_log (tenant_id, at DESC, id DESC);
CREATE INDEX audit_log_at ON audit_log (at);
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON audit_log USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
-- Nothing else: the server can neither change nor remove an entry.
GRANT SELECT, INSERT ON audit_log TO groundwell_app;

-- What is old goes. The age stands here and not in a parameter, so that nobody who speaks for the
-- server can make the log forget what it did today.
CREATE POLICY keeper_finds ON audit_log FOR SELECT TO groundwell_keeper
    USING (at < now() - interval '400 days');
CREATE POLICY keeper_forgets ON audit_log FOR DELETE TO groundwell_keeper
    USING (at < now() - interval '400 days');
GRANT SELECT, DELETE ON audit_log TO groundwell_keeper;

CREATE FUNCTION forget_old_audit() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM audit_log WHERE at < now() - interval '400 days' RETURNING id
    )
    SELECT count(*) FROM gone;
END;

-- So that the first use of a key can be told from the others.
ALTER TABLE api_keys ADD COLUMN first_used_at timestamptz;

-- Workers have no address where a monitor could ask them: they count here, without a tenant.
CREATE TABLE job_outcomes (
    kind text NOT NULL,
    outcome text NOT NULL,
    jobs bigint NOT NULL,
    seconds double precision NOT NULL,
    PRIMARY KEY (kind, outcome)
);
GRANT SELECT, INSERT, UPDATE ON job_outcomes TO groundwell_app;

-- The nDCG@10 of the newest evaluation that is complete, whoever's it is: one number for a monitor.
CREATE POLICY keeper_reads ON eval_runs FOR SELECT TO groundwell_keeper USING (true);
GRANT SELECT (status, measures, finished_at) ON eval_runs TO groundwell_keeper;
CREATE FUNCTION newest_accuracy() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = groundwell, pg_temp
BEGIN ATOMIC
    SELECT (measures ->> 'ndcg@10')::double precision FROM eval_runs
    WHERE status = 'complete' AND measures ->> 'ndcg@10' IS NOT NULL
    ORDER BY finished_at DESC LIMIT 1;
END;

ALTER FUNCTION forget_old_audit OWNER TO groundwell_keeper;
ALTER FUNCTION newest_accuracy OWNER TO groundwell_keeper;
REVOKE CREATE ON SCHEMA groundwell FROM groundwell_keeper;
REVOKE ALL ON FUNCTION forget_old_audit, newest_accuracy FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_old_audit, newest_accuracy TO groundwell_app;
