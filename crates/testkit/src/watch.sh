# The watcher of one folder. It waits until nobody uses the server in it any more, ends what is left of that
# server, and removes the folder.
#
#   sh watch.sh FOLDER LINGER
#
# Its standard input is the lease: a file that every user of the server has a shared lock on. The kernel drops a
# lock when its holder ends, by whatever cause, so the exclusive lock comes when the last one is gone. LINGER is how
# many seconds to wait for another one.

folder=$1
linger=$2
data=$folder/data

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

# Asks first (QUIT: PostgreSQL's immediate shutdown), because a killed server leaves shared memory behind.
tries=0
while pids=$(processes) && [ -n "$pids" ]; do
    if [ "$tries" -lt 50 ]; then signal=QUIT; else signal=KILL; fi
    kill -s "$signal" $pids 2>/dev/null
    kill -s CONT $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
done

# What it says about its shared memory is still there if it was killed.
if [ -f "$data/postmaster.pid" ]; then
    memory=$(sed -n 7p "$data/postmaster.pid" | tr -s ' ' | cut -d ' ' -f 3)
    ipcrm --shmem-id "$memory" 2>/dev/null
fi

cd / && rm -rf "$folder"
