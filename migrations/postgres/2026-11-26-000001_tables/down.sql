DROP TABLE retention_floor, erasing, tombstone, set_aside, cursor, endpoint_block, endpoint, usage_block,
    usage_delta, activity, auth_version, auth_change, api_key, client_limit, client, client_number;
DROP FUNCTION insert_activity_one_by_one;
DROP FUNCTION make_activity_day;
