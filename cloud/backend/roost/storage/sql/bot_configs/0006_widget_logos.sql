-- The picture in a widget's header, by the name of its content (`images/<name>`); NULL without one.
ALTER TABLE widgets ADD COLUMN logo TEXT;
