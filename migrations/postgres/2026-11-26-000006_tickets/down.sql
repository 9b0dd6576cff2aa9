DROP TABLE used_ticket;
