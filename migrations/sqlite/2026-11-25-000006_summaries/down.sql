DROP TABLE usage_page;
ALTER TABLE usage_block DROP COLUMN quantiles;
ALTER TABLE usage_block DROP COLUMN parts;
