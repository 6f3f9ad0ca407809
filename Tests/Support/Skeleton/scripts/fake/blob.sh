#!/bin/sh
# Packs a text; the way it is packed stands in another script, which make does not know of.
. "$(dirname "$0")/pack.sh"
pack < "$1" > "$2"
