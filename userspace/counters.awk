# SPDX-License-Identifier: GPL-2.0
# From the contract, the counters' names and meanings, as C.

/^    name: counter$/ { on = 1 }
on && /^  -$/ { on = 0 }
on && $1 == "name:" && $2 != "counter" { name = $2 }
on && $1 == "doc:" && name != "" {
	sub(/^ *doc: */, "")
	id = toupper(name)
	gsub(/-/, "_", id)
	gsub(/["\\]/, "\\\\&")
	printf "\t[IPVS_FULLNAT_COUNT_%s] = {\n\t\t\"%s\",\n\t\t\"%s\"\n\t},\n", \
		id, name, $0
	name = ""
}
