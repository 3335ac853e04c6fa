"""Raw Ethernet for tests: `send DEVICE HEX...` puts frames on a device, `sniff DEVICE SECONDS HEX` prints how many
frames containing those bytes arrived."""
import socket, sys, time

mode, device = sys.argv[1:3]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((device, 0))
if mode == 'send':
    for frame in sys.argv[3:]:
        wire.send(bytes.fromhex(frame))
else:
    end, mark, seen = time.time() + float(sys.argv[3]), bytes.fromhex(sys.argv[4]), 0
    print('ready', flush=True)
    while time.time() < end:
        wire.settimeout(max(0.01, end - time.time()))
        try:
            frame, where = wire.recvfrom(65535)
        except TimeoutError:
            break
        if where[2] != socket.PACKET_OUTGOING and mark in frame:
            seen += 1
    print(seen, flush=True)
