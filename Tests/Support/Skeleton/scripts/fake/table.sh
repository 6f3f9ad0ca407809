#!/bin/sh
# Makes an array of the words of a file.
sed 's/.*/	"&",/' "$1"
