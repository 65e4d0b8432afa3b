-- Who wants to be told when a document is finished, and what they are told.
--
-- A row is written with the upload that names the address. `event` is written in the transaction that
-- finishes the document, beside the job that delivers it: both are there, or neither is.
CREATE TABLE callbacks (
    -- Also the id of the event, by which receivers know one that comes again.
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- Whose address it is: it goes with its user.
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    document_uid uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    version integer NOT NULL,
    url text NOT NULL,
    host text NOT NULL,
    -- Text and not jsonb: each try sends the same bytes.
    event text,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries integer NOT NULL DEFAULT 0,
    error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX callbacks_of_document ON callbacks (document_uid, created_at DESC);
CREATE INDEX callbacks_of_user ON callbacks (user_id);
-- The same wish twice, while the document is worked on, is one.
CREATE UNIQUE INDEX callbacks_open ON callbacks (document_uid, version, url) WHERE event IS NULL;
ALTER TABLE callbacks ENABLE ROW LEVEL SECURITY;
ALTER TABLE callbacks FORCE ROW LEVEL SECURITY;
-- Seen by those who see the document.
CREATE POLICY tenant_rows ON callbacks
    USING (tenant_id = (SELECT current_tenant())
           AND EXISTS (SELECT FROM documents d WHERE d.uid = document_uid))
    WITH CHECK (tenant_id = (SELECT current_tenant())
                AND EXISTS (SELECT FROM documents d WHERE d.uid = document_uid));
GRANT SELECT, INSERT, UPDATE, DELETE ON callbacks TO groundwell_app;
