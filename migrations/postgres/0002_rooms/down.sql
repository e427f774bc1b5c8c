DROP TABLE room_events; DROP TABLE messages; DROP TABLE rooms;
