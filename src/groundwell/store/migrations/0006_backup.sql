-- Who may read the rows of all tenants at once: a backup, and the check that all is in step.
--
-- The owner enters the role for one read-only transaction. It does not inherit it, or its own
-- connections would see every tenant's rows all the time.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundwell_backup') THEN
        CREATE ROLE groundwell_backup NOLOGIN;
    END IF;
END $$;

GRANT groundwell_backup TO CURRENT_USER WITH SET TRUE, INHERIT FALSE;
GRANT USAGE ON SCHEMA groundwell TO groundwell_backup;

-- Lets the role read whatever tables there are. Called after each migration and for each new space,
-- so that no table can be left out of the backups.
CREATE FUNCTION let_backup_read() RETURNS void
LANGUAGE plpgsql SET search_path = groundwell, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    GRANT SELECT ON ALL TABLES IN SCHEMA groundwell TO groundwell_backup;
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA groundwell TO groundwell_backup;
    FOR name IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'groundwell'::regnamespace AND c.relrowsecurity
          AND NOT EXISTS (SELECT FROM pg_policy p
                          WHERE p.polrelid = c.oid AND p.polname = 'backup_reads')
    LOOP
        EXECUTE format(
            'CREATE POLICY backup_reads ON %I FOR SELECT TO groundwell_backup USING (true)', name);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION let_backup_read FROM PUBLIC;
