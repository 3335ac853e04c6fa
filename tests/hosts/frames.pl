# In a guest: puts frames on a device, one in hex on each line of the input, and says how many. No module, so that the
# program itself and its libraries are all it takes. frames.pl DEVICE
my $device = shift;
open my $file, '<', "/sys/class/net/$device/ifindex" or die "no $device\n";
my $at = pack 'S n l S C C a8', 17, 3, <$file>, 0, 0, 6, '';
socket my $wire, 17, 3, 0 or die "socket: $!\n";
my $sent = 0;
while (my $frame = <STDIN>) {
    chomp $frame;
    defined send $wire, pack('H*', $frame), 0, $at or die "send: $!\n";
    $sent++;
}
print "$sent\n";
