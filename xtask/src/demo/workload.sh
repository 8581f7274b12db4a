# What the demo records: files, a loopback HTTP exchange, short-lived processes, one of them in a "container".
# Usage: workload.sh FOLDER CGROUP_PROCS    (CGROUP_PROCS is - when there is no cgroup to enter)
set -eu
cd "$1"

echo "files"
mkdir -p notes
for n in 1 2 3 4 5; do
    echo "note $n" > "notes/$n.txt"
done
cat notes/*.txt > all.txt
mv all.txt notes.txt
cat notes/6.txt 2> missing.txt || true
tar -cf notes.tar notes notes.txt
rm -r notes

echo "a loopback HTTP exchange"
python3 -c '
import http.server, os
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
server.timeout = 20
with open("port.tmp", "w") as file:
    file.write(str(server.server_port))
os.rename("port.tmp", "port")
server.handle_request()
' 2> server.log &
for attempt in $(seq 100); do
    [ -e port ] && break
    sleep 0.1
done
curl -sS -o fetched.txt "http://127.0.0.1:$(cat port)/notes.txt"
wait

echo "short-lived processes"
for n in $(seq 40); do
    /bin/true
done

if [ "$2" != - ]; then
    echo "a process in a container's cgroup"
    sh -c 'echo $$ > "$0" && exec cat /etc/hostname' "$2" > hostname.txt
fi
