DROP TABLE usage_page;
