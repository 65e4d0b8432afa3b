-- Documents that are announced before their bytes come.

-- Null until the bytes are here and have been read.
ALTER TABLE document_versions ALTER COLUMN sha256 DROP NOT NULL;

-- The upload, the version that it brings and the version's ingestion have one id.
CREATE TABLE announced_uploads (
    id uuid PRIMARY KEY REFERENCES document_versions ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    -- What the bytes must be, where their owner has said so.
    sha256 bytea,
    priority text NOT NULL,
    expires_at timestamptz NOT NULL
);
ALTER TABLE announced_uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE announced_uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON announced_uploads USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON announced_uploads TO groundwell_app;

-- Room is kept for bytes from their announcement on, and given back when they do not come.
CREATE FUNCTION note_usage_of_changed_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
BEGIN
    INSERT INTO usage_changes (tenant_id, bytes)
    VALUES (NEW.tenant_id, NEW.file_size - OLD.file_size);
    RETURN NULL;
END $$;
CREATE TRIGGER usage_of_changed_version AFTER UPDATE OF file_size ON document_versions
    FOR EACH ROW WHEN (OLD.file_size <> NEW.file_size)
    EXECUTE FUNCTION note_usage_of_changed_version();
