-- Ingestion that cannot get stuck.

-- `fence` is the number of the newest attempt that took the document up: whoever writes on behalf
-- of an older one finds another number and writes nothing. `attempts` counts how often work on the
-- present step was begun.
ALTER TABLE documents
    ADD COLUMN fence bigint NOT NULL DEFAULT 0,
    ADD COLUMN attempts integer NOT NULL DEFAULT 0;

-- What was embedded of a version that is not searchable yet, so that no failure pays for it twice.
-- `digest` is of everything that the embedding depends on. The swap that indexes the version
-- removes its rows.
CREATE TABLE embedding_checkpoints (
    version_id uuid NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    digest bytea NOT NULL,
    tenant_id uuid NOT NULL,
    -- Half floats, as the index stores them.
    embedding bytea NOT NULL,
    token_bits bytea NOT NULL,
    PRIMARY KEY (version_id, digest)
);
-- Vectors do not get smaller by compression.
ALTER TABLE embedding_checkpoints ALTER COLUMN embedding SET STORAGE EXTERNAL;
ALTER TABLE embedding_checkpoints ALTER COLUMN token_bits SET STORAGE EXTERNAL;
ALTER TABLE embedding_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE embedding_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON embedding_checkpoints USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON embedding_checkpoints TO groundwell_app;
