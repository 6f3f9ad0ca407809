/* Reads getenv("SOURCE_DATE_EPOCH"), or would. */
