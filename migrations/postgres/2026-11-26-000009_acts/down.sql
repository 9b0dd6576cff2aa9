DROP TABLE act;
DROP FUNCTION refuse_to_change_act();
