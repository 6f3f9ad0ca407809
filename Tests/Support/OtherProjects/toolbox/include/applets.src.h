/* applets */
INSERT
