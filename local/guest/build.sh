#!/bin/bash
# Builds the tiny cloud guest out of Debian packages: build.sh OUTDIR KERNEL-PACKAGE...
# No loop mount, and no root: a user namespace does, for the files' owner. Writes guest.qcow2 (boots by BIOS), and vmlinuz, initrd.gz, rootfs.ext4 for a
# boot with kernel and ramdisk given from outside. Kernel, busybox and guest agent are unpacked, not installed: the
# machine's own kernels and ramdisks are left alone.
set -euo pipefail
[ "$(id -u)" = 0 ] || exec unshare --map-root-user "$0" "$@"
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$1" && pwd); shift
root_mb=64                                  # grows to the disk's size at first boot
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
first() { local f; for f in "$@"; do [ -e "$f" ] && echo "$f" && return; done; echo "none of these: $*" >&2; return 1; }

echo "downloading $*"
mkdir "$work/debs" "$work/pkg"
(cd "$work/debs" && apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$@" busybox-static qemu-guest-agent)
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/pkg"; done
kernel=$(first "$work"/pkg/boot/vmlinuz-*); version=${kernel##*/vmlinuz-}
[ -d "$work/pkg/lib/modules" ] || { mkdir -p "$work/pkg/lib"; ln -s ../usr/lib/modules "$work/pkg/lib/modules"; }
depmod -b "$work/pkg" "$version"
busybox=$(first "$work"/pkg/bin/busybox "$work"/pkg/usr/bin/busybox)

# modules DIR NAME...: the modules and what they need, flat and uncompressed, with their load order beside them
modules() {
  local dir=$1 name; shift
  mkdir -p "$dir"; : > "$dir/order"
  for name in "$@"; do modprobe -d "$work/pkg" -S "$version" --show-depends "$name" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'; done |
    awk '!seen[$0]++' | while read -r file; do
      name=${file##*/}
      case $name in
      *.ko.zst) name=${name%.zst}; zstd -dqc "$file" > "$dir/$name" ;;
      *.ko.xz) name=${name%.xz}; xz -dc "$file" > "$dir/$name" ;;
      *) cp "$file" "$dir/$name" ;;
      esac
      echo "$name" >> "$dir/order"
    done
}

echo "root file system"
root=$work/root
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc/dropbear,proc,sys,dev,run,tmp,root/.ssh,mnt,var/log,var/lib/cloud,var/www}
cp -r "$here/root/." "$root/"
chmod 700 "$root/root" "$root/root/.ssh"; chmod 1777 "$root/tmp"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
for applet in init poweroff reboot halt getty udhcpc; do ln -sf /bin/busybox "$root/sbin/$applet"; done
# put FILE [AS]: a program and every library it is linked with
put() {
  local file=$1 to=$root${2:-$1} lib
  mkdir -p "${to%/*}"; rm -f "$to"; cp -L "$file" "$to"
  ldd "$file" | grep -o '/[^ ]*' | while read -r lib; do
    [ -e "$root$lib" ] || { mkdir -p "$root${lib%/*}"; cp -L "$lib" "$root$lib"; }
  done
}
for program in dropbear dropbearkey mke2fs resize2fs e2fsck lsblk blkid; do
  path=$(command -v $program) || { echo "$program is not installed" >&2; exit 1; }
  rm -f "$root/bin/$program"; put "$path"
done
for fs in ext3 ext4; do rm -f "$root/bin/mkfs.$fs"; ln -sf "$(command -v mke2fs)" "$root/sbin/mkfs.$fs"; done
cp /etc/mke2fs.conf "$root/etc/"
put "$work/pkg/usr/sbin/qemu-ga" /usr/sbin/qemu-ga
modules "$root/lib/modules/flat" virtio_net virtio_rng virtio_console virtio_balloon evdev button ata_piix sr_mod \
  isofs vfat nls_cp437 nls_ascii nls_iso8859_1 nls_utf8 vxlan
echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
echo 'root:*:19000:0:99999:7:::' > "$root/etc/shadow"; chmod 600 "$root/etc/shadow"   # no password until one is set
echo /bin/sh > "$root/etc/shells"
echo guest > "$root/etc/hostname"; echo '127.0.0.1 localhost' > "$root/etc/hosts"; : > "$root/etc/resolv.conf"

echo "ramdisk"
init=$work/initramfs
mkdir -p "$init"/{bin,proc,sys,dev,new}
cp "$here/initramfs/init" "$init/init"; cp "$busybox" "$init/bin/busybox"; ln -s busybox "$init/bin/sh"
modules "$init/mod" virtio_pci virtio_blk virtio_scsi sd_mod crc32c_generic crc32c_intel
(cd "$init" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -9) > "$out/initrd.gz"
cp "$kernel" "$out/vmlinuz"; chmod 644 "$out/vmlinuz"

echo "disk"
truncate -s ${root_mb}M "$out/rootfs.ext4"
# room to grow to 16 GiB of 4 KiB blocks
mke2fs -q -F -t ext4 -L guestroot -m 0 -E resize=4194304 -d "$root" "$out/rootfs.ext4"
boot_mb=$((($(stat -c %s "$out/vmlinuz") + $(stat -c %s "$out/initrd.gz")) / 1048576 + 3))
disk=$work/disk.raw fat=$work/boot.fat
truncate -s $((1 + boot_mb + root_mb))M "$disk"
printf '2048,%s,0x0e,*\n%s,,0x83\n' $((boot_mb * 2048)) $((2048 + boot_mb * 2048)) | sfdisk -q "$disk"
truncate -s ${boot_mb}M "$fat"
mkfs.vfat -F 16 -n GUESTBOOT --invariant -h 2048 "$fat" > /dev/null
mcopy -i "$fat" "$out/vmlinuz" "$out/initrd.gz" "$here/syslinux.cfg" ::/
syslinux --install "$fat"
mbr=$(first /usr/lib/syslinux/mbr/mbr.bin /usr/lib/SYSLINUX/mbr.bin)
dd if="$mbr" of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$fat" of="$disk" bs=1M seek=1 conv=notrunc status=none
dd if="$out/rootfs.ext4" of="$disk" bs=1M seek=$((1 + boot_mb)) conv=notrunc,sparse status=none
qemu-img convert -c -O qcow2 "$disk" "$out/guest.qcow2"
