# The watcher of one folder. It waits until nobody uses the server in it any more, ends what is left of that
# server, and removes the folder, unless there is a file `keep` in it.
#
#   sh watch.sh FOLDER LINGER
#
# Its standard input is the lease: a file that every user of the server has a shared lock on. The kernel drops a lock
# when its holder ends, by whatever cause, so the exclusive lock comes when the last one is gone. LINGER is how many
# seconds to wait for another one. It prints one line when it is watching.

folder=$1
linger=$2
data=$folder/data

for program in flock find ipcrm; do
    command -v "$program" >/dev/null || exit 1
done
echo watching
exec >/dev/null

until flock --exclusive 0 || exit 1
    flock --unlock 0
    sleep "$linger"
    flock --exclusive --nonblock 0
do :; done

# The processes of the server, backends that lost their postmaster too: all work in the folder. So no other
# process can be meant, however old the numbers in a file are.
processes() {
    find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$folder" -o -lname "$folder/*" \) 2>/dev/null | cut -d / -f 3
}

# The System V segment that a server, or initdb, removes at its end, and leaves behind if it is killed.
memory() {
    sed -n 7p "$data/postmaster.pid" 2>/dev/null | tr -s ' ' | cut -d ' ' -f 3
}

# Asks first (QUIT: PostgreSQL's immediate shutdown).
tries=0
segments=$(memory)
while pids=$(processes) && [ -n "$pids" ]; do
    segments="$segments $(memory)"
    if [ "$tries" -lt 50 ]; then signal=QUIT; else signal=KILL; fi
    kill -s "$signal" $pids 2>/dev/null
    kill -s CONT $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
done
for segment in $segments; do
    ipcrm --shmem-id "$segment" 2>/dev/null
done

# Somebody may want to look at what is in it.
[ -e "$folder/keep" ] || { cd / && rm -rf "$folder"; }
