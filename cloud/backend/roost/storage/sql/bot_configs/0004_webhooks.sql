-- What the platform shows with every update that it brings by itself; sealed like the token.
ALTER TABLE bot_configs ADD COLUMN webhook_secret TEXT;
