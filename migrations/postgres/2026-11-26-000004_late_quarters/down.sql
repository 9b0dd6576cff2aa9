DROP TABLE late_floor, late_quarter;
