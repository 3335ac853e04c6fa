"""Who speaks with a MAC: for each frame from it that comes in by one of the devices, a line with the time, the device and what it is.

speakers.py MAC DEVICE..."""
import select, socket, sys, time
mac = bytes.fromhex(sys.argv[1].replace(':', ''))
ears = {}
for name in sys.argv[2:]:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    ears[s] = name
print('ready', flush=True)
while True:
    for s in select.select(list(ears), [], [])[0]:
        frame, at = s.recvfrom(2048)
        if at[2] == 4 or frame[6:12] != mac: continue
        # What is said to everybody announces or asks; an answer is to somebody.
        print(f'{time.time():.3f} {ears[s]} {"announces" if frame[0] & 1 else "answers"}', flush=True)
