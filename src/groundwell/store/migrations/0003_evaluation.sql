-- Judged queries, and what runs over them found.

CREATE TABLE eval_sets (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name text NOT NULL,
    -- By name, so that a collection can be made anew without losing its judgements.
    collection text NOT NULL,
    query_count integer NOT NULL,
    judgement_count integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);

-- One row for each query: its judged documents are always read together.
CREATE TABLE eval_judgements (
    set_id uuid NOT NULL REFERENCES eval_sets ON DELETE CASCADE,
    ordinal integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    query text NOT NULL,
    -- Document id to grade.
    grades jsonb NOT NULL,
    PRIMARY KEY (set_id, ordinal)
);

CREATE TABLE eval_runs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    set_id uuid NOT NULL REFERENCES eval_sets ON DELETE CASCADE,
    -- Options of a search request. Here and below json and not jsonb, which would reorder keys.
    config json NOT NULL,
    compare_with uuid REFERENCES eval_runs ON DELETE SET NULL,
    status text NOT NULL CHECK (status IN ('pending', 'running', 'complete', 'failed')),
    document_count integer,
    missing_documents integer,
    measures json NOT NULL DEFAULT '{}',
    -- Stage to [p50, p95] in milliseconds.
    latency_ms json NOT NULL DEFAULT '{}',
    error_code text,
    error_message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX eval_runs_set ON eval_runs (set_id);
CREATE INDEX eval_runs_compared ON eval_runs (compare_with);
CREATE INDEX eval_runs_by_age ON eval_runs (tenant_id, created_at DESC, id);

CREATE TABLE eval_results (
    run_id uuid NOT NULL REFERENCES eval_runs ON DELETE CASCADE,
    ordinal integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- Document ids, best first.
    ranking text[] NOT NULL,
    measures json NOT NULL,
    degraded text[] NOT NULL,
    PRIMARY KEY (run_id, ordinal)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['eval_sets', 'eval_judgements', 'eval_runs', 'eval_results'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_rows ON %I USING (tenant_id = (SELECT current_tenant()))'
            ' WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO groundwell_app', name);
    END LOOP;
END $$;
