DROP TABLE set_aside;
DROP TABLE cursor;
DROP TABLE usage_block;
DROP TABLE usage_delta;
DROP TABLE activity;
DROP TABLE api_key;
DROP TABLE client;
DROP TABLE client_number;
