# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Three real servers with nginx behind a director, for people to look at. After
# lib.sh, which sets:
: "${client=}" "${servers=}" "${VIP=}"

# web_servers: nginx in each real server's namespace says who it is
web_servers()
{
	local n dir

	dir=$(mktemp -d)
	defer rm -rf "$dir"
	for ((n = 1; n <= ${#servers[@]}; n++)); do
		cat >"$dir/$n.conf" <<-END
			pid $dir/$n.pid;
			error_log $dir/$n.log;
			worker_processes 1;
			events { worker_connections 1024; }
			http {
				access_log off;
				client_body_temp_path $dir;
				proxy_temp_path $dir;
				fastcgi_temp_path $dir;
				uwsgi_temp_path $dir;
				scgi_temp_path $dir;
				server {
					listen 80;
					listen [::]:80;
					location / { return 200 "$n\n"; }
					location = /peer {
						return 200 "server $n sees \$remote_addr port \$remote_port\n";
					}
				}
			}
		END
		on "${servers[n - 1]}" nginx -c "$dir/$n.conf" ||
			die "nginx does not start: $(cat "$dir/$n.log")"
		busywait test -s "$dir/$n.pid" || die "nginx did not start"
		defer kill "$(cat "$dir/$n.pid")"
	done
}

# requests PORT COUNT: the number of the server that answered, of each in turn;
# each request is a connection of its own
requests()
{
	on "$client" curl -sS --max-time 60 -H 'Connection: close' \
		"http://$VIP:$1/[1-$2]"
}

# say WORDS: what is done now
say()
{
	printf '\n== %s\n' "$*"
}

# run NAMESPACE COMMAND...: say it, and do it there
run()
{
	printf '%s# %s\n' "${1%%-*}" "${*:2}"
	on "$@"
}
