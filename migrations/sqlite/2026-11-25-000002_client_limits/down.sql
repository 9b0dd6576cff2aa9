DROP TABLE client_limit;
