// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which ends meet, by what a sysfs says that was made for the purpose.

#include "system/storage.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "system/mounts.h"
#include "system/storage_users.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;

// No device is opened: all that is known stands in the files.
class StorageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "storage.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "proc/self");
    fs::create_directories(root_ / "sys/dev/block");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << "\n";
  }
  // A disk or, within the directory of one, a partition.
  void device(const std::string& path, const std::string& number) const {
    write("sys/devices/" + path + "/dev", number);
    fs::create_directory_symlink("../../devices/" + path, root_ / "sys/dev/block" / number);
  }
  void partition(const std::string& path, const std::string& number, int start, int size) const {
    device(path, number);
    write("sys/devices/" + path + "/partition", "1");
    write("sys/devices/" + path + "/start", std::to_string(start));
    write("sys/devices/" + path + "/size", std::to_string(size));
  }
  void stack(const std::string& upper, const std::string& lower) const {
    const fs::path slaves = root_ / "sys/devices" / upper / "slaves";
    fs::create_directories(slaves);
    fs::create_directory_symlink(root_ / "sys/devices" / lower,
                                 slaves / fs::path(lower).filename());
  }
  void loop(const std::string& name, const std::string& number, const std::string& file,
            const std::string& offset = "0", const std::string& limit = "0") const {
    device(name, number);
    write("sys/devices/" + name + "/loop/backing_file", file);
    write("sys/devices/" + name + "/loop/offset", offset);
    write("sys/devices/" + name + "/loop/sizelimit", limit);
  }
  [[nodiscard]] StorageFinder finder() const {
    return StorageFinder({(root_ / "sys").string(), (root_ / "proc").string(), ""});
  }
  // /proc/swaps, with a line for each of `names`.
  void swaps(const std::vector<std::string>& names, const std::string& type = "partition") const {
    std::string text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority";
    for (const std::string& name : names) {
      text.append("\n").append(name).append("\t\t").append(type).append("\t1024\t\t0\t\t-2");
    }
    write("proc/swaps", text);
  }
  // The name by which the kernel's list of block devices has it.
  void named(const std::string& path, const std::string& name) const {
    fs::create_directories(root_ / "sys/class/block");
    fs::create_directory_symlink(root_ / "sys/devices" / path, root_ / "sys/class/block" / name);
  }
  [[nodiscard]] std::string user_of(const Storage& end) const {
    const auto user = writing_user(finder(), end);
    if (!user) return "";
    return user->kind == StorageUser::Kind::kSwap ? user->device : "no swap";
  }
  [[nodiscard]] std::string user_of(dev_t end) const { return user_of(finder().of_device(end)); }
  [[nodiscard]] Meeting writes(dev_t written, dev_t other) const {
    return writes_into(finder().of_device(written), finder().of_device(other));
  }

  fs::path root_;
};

const dev_t kDisk = makedev(8, 0);

TEST_F(StorageTest, PartitionsMeetTheirDiskAndNotEachOther) {
  device("sda", "8:0");
  partition("sda/sda1", "8:1", 2048, 2048);
  partition("sda/sda2", "8:2", 4096, 2048);
  EXPECT_EQ(writes(kDisk, makedev(8, 1)), Meeting::kMeet);
  EXPECT_EQ(writes(makedev(8, 1), kDisk), Meeting::kMeet);
  EXPECT_EQ(writes(makedev(8, 1), makedev(8, 2)), Meeting::kApart);
  EXPECT_EQ(writes(makedev(8, 1), makedev(8, 16)), Meeting::kApart);
}

TEST_F(StorageTest, APartitionWithoutPlaceTakesAllOfItsDisk) {
  device("sda", "8:0");
  partition("sda/sda1", "8:1", 2048, 2048);
  partition("sda/sda2", "8:2", 4096, 2048);
  write("sys/devices/sda/sda2/start", "18446744073709551615");
  EXPECT_EQ(writes(makedev(8, 1), makedev(8, 2)), Meeting::kMeet);
}

TEST_F(StorageTest, PartitionsByTheirNamesWhereThereIsNoSysfs) {
  write("proc/partitions",
        "major minor  #blocks  name\n\n 259 1 9 nvme0n1p2\n 259 0 9 nvme0n1\n 8 0 9 sda\n"
        " 8 17 9 sdb1\n 8 16 9 sdb\n 9 0 9 md0");
  EXPECT_EQ(writes(makedev(259, 1), makedev(259, 0)), Meeting::kMeet);
  EXPECT_EQ(writes(makedev(8, 16), makedev(8, 17)), Meeting::kMeet);
  EXPECT_EQ(writes(kDisk, makedev(8, 17)), Meeting::kApart);
  EXPECT_EQ(writes(makedev(9, 0), makedev(259, 0)), Meeting::kApart);
}

TEST_F(StorageTest, StackedDevicesTakeAllOfWhatTheyStandOn) {
  device("sda", "8:0");
  partition("sda/sda1", "8:1", 2048, 2048);
  device("md0", "9:0");
  stack("md0", "sda/sda1");
  device("dm-0", "252:0");
  stack("dm-0", "md0");
  EXPECT_EQ(writes(makedev(252, 0), kDisk), Meeting::kMeet);
  EXPECT_EQ(writes(kDisk, makedev(252, 0)), Meeting::kMeet);
  EXPECT_EQ(writes(makedev(8, 1), makedev(9, 0)), Meeting::kMeet);
}

TEST_F(StorageTest, LogicalVolumesAreApart) {
  device("sda", "8:0");
  for (const std::string name : {"0", "1"}) {
    device("dm-" + name, "252:" + name);
    stack("dm-" + name, "sda");
    write("sys/devices/dm-" + name + "/dm/uuid", "LVM-abc" + name);
  }
  EXPECT_EQ(writes(makedev(252, 0), makedev(252, 1)), Meeting::kApart);
  EXPECT_EQ(writes(makedev(252, 0), kDisk), Meeting::kMeet);
  EXPECT_EQ(writes(kDisk, makedev(252, 0)), Meeting::kMeet);
  write("sys/devices/dm-1/dm/uuid", "CRYPT-LUKS2-x");
  EXPECT_EQ(writes(makedev(252, 1), makedev(252, 0)), Meeting::kMeet);
}

TEST_F(StorageTest, LoopDevicesMeetInTheBytesThatTheyShow) {
  write("disk.raw", "x");
  const std::string file = (root_ / "disk.raw").string();
  loop("loop0", "7:0", file, "0", "4096");
  loop("loop1", "7:1", file, "4096");
  loop("loop2", "7:2", file, "4095", "2");
  EXPECT_EQ(writes(makedev(7, 0), makedev(7, 1)), Meeting::kApart);
  EXPECT_EQ(writes(makedev(7, 0), makedev(7, 2)), Meeting::kMeet);
  EXPECT_EQ(writes(makedev(7, 2), makedev(7, 1)), Meeting::kMeet);
  EXPECT_EQ(writes_into(finder().of(file), finder().of_device(makedev(7, 1))), Meeting::kMeet);
}

TEST_F(StorageTest, ALoopDeviceThatCannotBeAskedMayBeAnything) {
  write("disk.raw", "x");
  const Storage file = finder().of((root_ / "disk.raw").string());
  EXPECT_EQ(writes_into(finder().of_device(makedev(7, 0)), file), Meeting::kUnknown);
  loop("loop1", "7:1", "/nowhere/disk.raw (deleted)");
  EXPECT_EQ(share_bytes(file, finder().of_device(makedev(7, 1))), Meeting::kUnknown);
  device("loop2", "7:2");
  EXPECT_EQ(writes_into(finder().of_device(makedev(7, 2)), file), Meeting::kApart);
}

TEST_F(StorageTest, AFileSystemIsDestroyedWithItsDeviceAndNotByItsFiles) {
  write("disk.raw", "x");
  struct stat status {};
  ASSERT_EQ(::stat((root_ / "disk.raw").c_str(), &status), 0);
  if (major(status.st_dev) == 0) GTEST_SKIP() << "files are not on a device here";
  const Storage file = finder().of((root_ / "disk.raw").string());
  const Storage device = finder().of_device(status.st_dev);
  EXPECT_EQ(writes_into(device, file), Meeting::kMeet);
  EXPECT_EQ(writes_into(file, device), Meeting::kApart);
  EXPECT_FALSE(is_inside(device, file));
}

TEST_F(StorageTest, SwapSpaceUsesThePartitionAndItsDisk) {
  device("sda", "8:0");
  partition("sda/sda1", "8:1", 2048, 2048);
  partition("sda/sda2", "8:2", 4096, 2048);
  named("sda/sda2", "sda2");
  device("sdb", "8:16");
  EXPECT_EQ(user_of(kDisk), "");
  swaps({});
  EXPECT_EQ(user_of(kDisk), "");
  swaps({"/dev/sda2"});
  EXPECT_EQ(user_of(kDisk), "/dev/sda2");
  EXPECT_EQ(user_of(makedev(8, 2)), "/dev/sda2");
  EXPECT_EQ(user_of(makedev(8, 1)), "");
  EXPECT_EQ(user_of(makedev(8, 16)), "");
}

TEST_F(StorageTest, SwapSpaceOnALogicalVolumeUsesTheDisksBelowAndNoOtherVolume) {
  device("sda", "8:0");
  partition("sda/sda1", "8:1", 2048, 2048);
  partition("sda/sda2", "8:2", 4096, 2048);
  for (const std::string name : {"0", "1"}) {
    device("dm-" + name, "252:" + name);
    stack("dm-" + name, "sda/sda2");
    write("sys/devices/dm-" + name + "/dm/uuid", "LVM-abc" + name);
    named("dm-" + name, "dm-" + name);
  }
  swaps({"/dev/dm-1"});
  EXPECT_EQ(user_of(kDisk), "/dev/dm-1");
  EXPECT_EQ(user_of(makedev(8, 2)), "/dev/dm-1");
  EXPECT_EQ(user_of(makedev(252, 1)), "/dev/dm-1");
  EXPECT_EQ(user_of(makedev(252, 0)), "");
  EXPECT_EQ(user_of(makedev(8, 1)), "");
}

TEST_F(StorageTest, SwapSpaceOnAPartitionOfALoopDeviceUsesItsFile) {
  write("disk.raw", "x");
  write("other.raw", "x");
  const std::string file = (root_ / "disk.raw").string();
  loop("loop0", "7:0", file);
  partition("loop0/loop0p1", "259:0", 2048, 2048);
  named("loop0/loop0p1", "loop0p1");
  swaps({"/dev/loop0p1"});
  EXPECT_EQ(user_of(finder().of(file)), "/dev/loop0p1");
  EXPECT_EQ(user_of(makedev(7, 0)), "/dev/loop0p1");
  EXPECT_EQ(user_of(finder().of((root_ / "other.raw").string())), "");
}

TEST_F(StorageTest, SwapSpaceIsFoundByEachNameThatTheKernelHasForIt) {
  device("sda", "8:0");
  partition("sda/sda2", "8:2", 4096, 2048);
  device("cciss!c0d0", "104:0");
  named("cciss!c0d0", "cciss!c0d0");
  write("proc/partitions", "major minor  #blocks  name\n\n 8 0 9 sda\n 8 2 9 sda2");
  for (const std::string name : {"/dev/sda2", "/sda2", "/dev/sda2\\040(deleted)"}) {
    swaps({"/dev/nonsense", name});
    EXPECT_NE(user_of(kDisk), "") << name;
  }
  swaps({"/dev/cciss/c0d0"});
  EXPECT_EQ(user_of(makedev(104, 0)), "/dev/cciss/c0d0");
  EXPECT_EQ(user_of(kDisk), "");
  // What a container is told in place of it.
  swaps({"none"}, "virtual");
  EXPECT_EQ(user_of(kDisk), "");
}

TEST_F(StorageTest, ASwapFileUsesItself) {
  write("swap file", "x");
  write("other", "x");
  std::string escaped = (root_ / "swap\\040file").string();
  swaps({escaped}, "file");
  const std::string file = (root_ / "swap file").string();
  EXPECT_EQ(user_of(finder().of(file)), file);
  EXPECT_EQ(user_of(finder().of((root_ / "other").string())), "");
}

TEST_F(StorageTest, CirclesAndDepthEnd) {
  device("dm-0", "252:0");
  device("dm-1", "252:1");
  stack("dm-0", "dm-1");
  stack("dm-1", "dm-0");
  EXPECT_EQ(writes(makedev(252, 0), makedev(252, 1)), Meeting::kMeet);
  for (int i = 0; i < 100; ++i) device("md" + std::to_string(i), "9:" + std::to_string(i));
  for (int i = 0; i < 99; ++i) stack("md" + std::to_string(i), "md" + std::to_string(i + 1));
  device("sda", "8:0");
  EXPECT_EQ(writes(makedev(9, 0), kDisk), Meeting::kUnknown);
}

TEST_F(StorageTest, NonsenseInSysfsIsHarmless) {
  device("sda", "8:0");
  partition("sda/sda1", "8:1", 0, 0);
  write("sys/devices/sda/dev", std::string(100'000, '9') + ":x");
  EXPECT_EQ(finder().of_device(makedev(8, 1)).layers.size(), 1U);
  fs::remove(root_ / "sys/devices/sda/dev");
  ASSERT_EQ(::mkfifo((root_ / "sys/devices/sda/dev").c_str(), 0600), 0);
  EXPECT_EQ(finder().of_device(makedev(8, 1)).layers.size(), 1U);
}

TEST_F(StorageTest, OverlaysNameTheirDirectories) {
  write("proc/self/mountinfo",
        "36 35 0:40 / /a\\040b rw,noatime shared:1 - overlay none "
        "rw,lowerdir=/l\\134:1:/l2,upperdir=/u,workdir=/w\nnonsense\n"
        "37 35 8:1 /sub /c ro - ext4 /dev/sda1 rw");
  const auto mounts = read_mounts((root_ / "proc").string());
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].point, "/a b");
  EXPECT_TRUE(mounts[0].is_writable);
  EXPECT_EQ(mounts[1].device, makedev(8, 1));
  EXPECT_FALSE(mounts[1].is_writable);
  EXPECT_EQ(overlay_directories(mounts[0]).front(), "/u");
  EXPECT_EQ(overlay_directories(mounts[0]).at(1), "/l:1");
  EXPECT_EQ(overlay_directories(mounts[0]).back(), "/l2");
}

}  // namespace
}  // namespace qcow2stream
