DROP TABLE activity_body;
