#!/bin/sh
# Stands for `harness run` in the tests of the executor. What it does is the name of the
# trial's strategy; a trial that is to finish finds its result in whole.json.
while [ $# -gt 0 ]; do
    case "$1" in
    --store) store=$2 ;;
    --trial) id=$2 ;;
    esac
    shift
done
folder=$store/$id
name=$(sed -n 's/.*"name": "fake-\(.*\)".*/\1/p' "$folder/spec.json")
echo "$$ $OMP_NUM_THREADS" >>"$folder/started"
finish() {
    cp "$folder/whole.json" "$folder/.whole"
    mv "$folder/.whole" "$folder/result.json"
}
case "$name" in
finish)
    echo "noise from a library"
    echo '{"event":"progress","id":"'"$id"'","epoch":1,"epochs":2,"fraction":0.5,"train_loss":null,"accuracy":0.9}'
    echo '{"event":"progress","id":"another","epoch":1,"epochs":2,"fraction":0.5,"train_loss":1.0,"accuracy":null}'
    finish
    ;;
panic)
    echo "epoch 1" >&2
    echo "thread 'main' panicked" >&2
    exit 101
    ;;
panic-after-another)
    [ "$(wc -l <"$folder/started")" -gt 1 ] && finish && exit 0
    mkdir -p "$folder/attempts"
    # An attempt of another machine that ended in good order.
    echo '{"host":"moon","pid":1,"since":"now","process_start":1,"namespace":"moon","ended":"interrupted"}' \
        >"$folder/attempts/1.json"
    exit 101
    ;;
killed)
    echo "epoch 1" >&2
    kill -KILL $$
    ;;
once)
    sleep 0.3
    [ "$(wc -l <"$folder/started")" -gt 1 ] || kill -KILL $$
    finish
    ;;
slow)
    sleep 1
    finish
    ;;
segfault) kill -SEGV $$ ;;
starved)
    echo "memory allocation of 17179869184 bytes failed" >&2
    kill -ABRT $$
    ;;
silent) exit 0 ;;
usage)
    echo "error: unknown data set 'digits'" >&2
    echo "  known: mnist" >&2
    exit 2
    ;;
full)
    echo "error: cannot write history.csv: No space left on device (os error 28)" >&2
    exit 4
    ;;
outside) exit 130 ;;
hang)
    trap 'echo saved >"$folder/saved"; exit 130' TERM
    while :; do sleep 0.05; done
    ;;
deaf)
    trap '' TERM
    while :; do sleep 0.05; done
    ;;
esac
