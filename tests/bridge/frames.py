"""Raw Ethernet for tests: `send DEVICE HEX...` puts frames on a device, `sniff DEVICE SECONDS HEX` prints how many
frames containing those bytes arrived, `tags DEVICE SECONDS HEX` prints of each such frame, also of those sent, the tags it bore."""
import socket, struct, sys, time

mode, device = sys.argv[1:3]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((device, 0))
if mode == 'send':
    for frame in sys.argv[3:]:
        wire.send(bytes.fromhex(frame))
elif mode == 'tags':
    # Tags the kernel keeps beside the frame come beside it here, too.
    wire.setsockopt(263, 8, 1)
    end, mark = time.time() + float(sys.argv[3]), bytes.fromhex(sys.argv[4])
    print('ready', flush=True)
    while time.time() < end:
        wire.settimeout(max(0.01, end - time.time()))
        try:
            frame, aux, _, _ = wire.recvmsg(65535, 1024)
        except TimeoutError:
            break
        if mark not in frame:
            continue
        tags = [struct.unpack('IIIHHHH', d)[5] & 0xfff for level, kind, d in aux if (level, kind) == (263, 8) and struct.unpack('IIIHHHH', d)[0] & 0x10]
        at = 12
        while frame[at:at + 2] in (b'\x81\x00', b'\x88\xa8'):
            tags.append(int.from_bytes(frame[at + 2:at + 4], 'big') & 0xfff)
            at += 4
        print('.'.join(map(str, tags)) or '-', flush=True)
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
