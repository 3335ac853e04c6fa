"""Counts frames that contain SIGN, by device: those that come in by it, and those that go out. Until its input ends.

ears.py SIGN DEVICE..."""
import json, select, socket, sys
sign = bytes.fromhex(sys.argv[1])
heard, ears = {}, {}
for name in sys.argv[2:]:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    ears[s], heard[name] = name, {'in': 0, 'out': 0, 'most': 0}
print('ready', flush=True)
while True:
    for s in select.select([*ears, sys.stdin], [], [])[0]:
        if s is sys.stdin:
            print(json.dumps(heard), flush=True)
            sys.exit()
        frame, at = s.recvfrom(65535)
        if sign not in frame: continue
        one = heard[ears[s]]
        one['out' if at[2] == socket.PACKET_OUTGOING else 'in'] += 1
        one['most'] = max(one['most'], len(frame))
