// SPDX-License-Identifier: GPL-2.0-or-later

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <thread>

#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "qcow2stream/target.h"
#include "system/child.h"
#include "system/new_file.h"
#include "target/target_descriptor.h"
#include "target/zeroing.h"
#include "target_testing.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;
using testing::Bytes;
using testing::error_of;
using testing::kMiB;
using testing::random_bytes;
using testing::read_file;
using testing::read_target;
using testing::write_file;

class FileTargetTest : public ::testing::Test {
 public:
  FileTargetTest() { fs::create_directory(directory_.file("d")); }

 protected:
  [[nodiscard]] std::string file(const std::string& name) const {
    return directory_.file("d/" + name);
  }
  // How many files there are, hidden ones too.
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(directory_.file("d")), fs::directory_iterator());
  }
  // The shell's view of a file: mode, owner and group.
  [[nodiscard]] static std::string owner_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return fmt(status.st_mode & 07777U) + " " + std::to_string(status.st_uid) + ":" +
           std::to_string(status.st_gid);
  }
  static std::string fmt(unsigned mode) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%04o", mode);
    return text.data();
  }

  testing::TestDirectory directory_;
};

TEST_F(FileTargetTest, ANewFileGetsItsNameInTheEnd) {
  const auto target = open_target(file("disk"));
  EXPECT_TRUE(target->traits().reads_as_zeros);
  EXPECT_FALSE(target->traits().keeps_failures);
  EXPECT_FALSE(target->traits().size);
  target->set_size(3 * kMiB);
  const Bytes bytes = random_bytes(70'000, 1);
  target->write(GuestOffset(kMiB + 1), bytes);
  EXPECT_EQ(read_target(*target, kMiB + 1, bytes.size()), bytes);
  EXPECT_EQ(files(), 0);
  target->finish();
  Bytes wanted(3 * kMiB);
  std::ranges::copy(bytes, wanted.begin() + kMiB + 1);
  EXPECT_EQ(read_file(file("disk")), wanted);
  EXPECT_LE(testing::allocated_bytes(file("disk")), 100'000U);
  EXPECT_EQ(files(), 1);
  target->drop_cache();
  EXPECT_EQ(read_target(*target, kMiB + 1, bytes.size()), bytes);
}

TEST_F(FileTargetTest, AnAbandonedFileNeverGetsAName) {
  {
    const auto target = open_target(file("disk"));
    target->set_size(kMiB);
    target->write(GuestOffset(0), random_bytes(kMiB, 1));
    target->flush();
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(FileTargetTest, NothingIsLeftOfAProcessThatIsKilled) {
  write_file(file("old"), random_bytes(1000, 1));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto target = open_target(file("disk"));
    const auto other = open_target(file("old"), {.overwrite = true});
    for (const auto& each : {target.get(), other.get()}) {
      each->set_size(kMiB);
      each->write(GuestOffset(0), random_bytes(kMiB, 2));
      each->flush();
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(files(), 1);
  EXPECT_EQ(read_file(file("old")), random_bytes(1000, 1));
}

TEST_F(FileTargetTest, AFileThatExistsIsRefused) {
  write_file(file("disk"), random_bytes(1000, 1));
  try {
    open_target(file("disk"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), file("disk") + ": cannot be made: a file of that name exists");
    EXPECT_EQ(error.subject(), ErrorSubject::kTarget);
    EXPECT_EQ(error.advice(), Advice::kOverwrite);
  }
  EXPECT_EQ(read_file(file("disk")), random_bytes(1000, 1));
}

TEST_F(FileTargetTest, AFileThatIsMadeMeanwhileStays) {
  const auto target = open_target(file("disk"));
  target->set_size(512);
  write_file(file("disk"), random_bytes(1000, 1));
  EXPECT_EQ(error_of([&] { target->finish(); }),
            file("disk") + ": cannot get its name: a file of that name was made meanwhile");
  EXPECT_EQ(read_file(file("disk")), random_bytes(1000, 1));
}

TEST_F(FileTargetTest, AReplacedFileKeepsItsModeAndOwner) {
  write_file(file("disk"), random_bytes(1000, 1));
  ASSERT_EQ(::chmod(file("disk").c_str(), 0604), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(file("disk").c_str(), 12, 34), 0);
  }
  const std::string owner = owner_of(file("disk"));
  const auto target = open_target(file("disk"), {.overwrite = true});
  target->set_size(2048);
  target->write(GuestOffset(0), random_bytes(2048, 2));
  EXPECT_EQ(read_file(file("disk")), random_bytes(1000, 1));
  target->finish();
  EXPECT_EQ(read_file(file("disk")), random_bytes(2048, 2));
  EXPECT_EQ(owner_of(file("disk")), owner);
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTargetTest, AReplacedFileStaysIfTheTargetIsAbandoned) {
  write_file(file("disk"), random_bytes(1000, 1));
  open_target(file("disk"), {.overwrite = true})->set_size(2048);
  EXPECT_EQ(read_file(file("disk")), random_bytes(1000, 1));
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTargetTest, OverwriteMakesAFileThatDoesNotExist) {
  const auto target = open_target(file("disk"), {.overwrite = true});
  target->set_size(512);
  target->finish();
  EXPECT_EQ(read_file(file("disk")), Bytes(512));
}

TEST_F(FileTargetTest, WhatASymbolicLinkLeadsToIsReplaced) {
  write_file(file("disk"), random_bytes(1000, 1));
  fs::create_symlink("disk", file("link"));
  const auto target = open_target(file("link"), {.overwrite = true});
  target->set_size(512);
  target->finish();
  EXPECT_TRUE(fs::is_symlink(file("link")));
  EXPECT_EQ(read_file(file("disk")), Bytes(512));
  EXPECT_EQ(files(), 2);
  fs::create_symlink("nowhere", file("dangling"));
  EXPECT_EQ(error_of([&] { open_target(file("dangling")); }),
            file("dangling") + ": cannot be made: it is a symbolic link that leads nowhere");
}

TEST_F(FileTargetTest, WhatIsNoFileIsRefused) {
  EXPECT_EQ(error_of([&] { open_target(file("")); }),
            file("") + ": cannot be used as a target: it is a directory");
  for (const TargetUse use : {TargetUse::kReplace, TargetUse::kChange, TargetUse::kReadOnly}) {
    EXPECT_EQ(error_of([&] { open_target("/dev/null", {.use = use, .overwrite = true}); }),
              "/dev/null: cannot be used as a target: it is neither a regular file nor a block "
              "device");
  }
  EXPECT_EQ(error_of([&] { open_target(file("no/disk")); }),
            file("no/disk") + ": cannot be made: no such file or directory");
  EXPECT_EQ(error_of([&] { open_target(file("disk"), {.use = TargetUse::kChange}); }),
            file("disk") + ": cannot be opened: no such file or directory");
  EXPECT_EQ(error_of([&] { open_target("/dev/no-such-disk"); }),
            "/dev/no-such-disk: cannot be opened: no such device");
}

TEST_F(FileTargetTest, AFileIsChangedInPlace) {
  Bytes wanted = random_bytes(2 * kMiB, 1);
  write_file(file("disk"), wanted);
  const auto target = open_target(file("disk"), {.use = TargetUse::kChange});
  EXPECT_EQ(target->traits().current_size, 2 * kMiB);
  EXPECT_FALSE(target->traits().size);
  EXPECT_TRUE(target->traits().keeps_failures);
  target->set_size(kMiB);
  target->set_size(3 * kMiB);
  std::fill(wanted.begin() + kMiB, wanted.end(), std::byte{0});
  wanted.resize(3 * kMiB);
  target->zero({GuestOffset(1000), 500'000});
  std::fill_n(wanted.begin() + 1000, 500'000, std::byte{0});
  EXPECT_EQ(read_target(*target, 0, wanted.size()), wanted);
  target->finish();
  EXPECT_EQ(read_file(file("disk")), wanted);
  EXPECT_LT(testing::allocated_bytes(file("disk")), 600'000U);
}

TEST_F(FileTargetTest, AFileBecomesShorterInTheEnd) {
  const Bytes content = random_bytes(2 * kMiB, 1);
  write_file(file("disk"), content);
  {
    const auto target = open_target(file("disk"), {.use = TargetUse::kChange});
    target->set_size(kMiB);
    target->set_size(kMiB / 2);
  }
  EXPECT_EQ(read_file(file("disk")), content);
  const auto target = open_target(file("disk"), {.use = TargetUse::kChange});
  target->set_size(kMiB);
  target->finish();
  EXPECT_EQ(read_file(file("disk")), Bytes(content.begin(), content.begin() + kMiB));
}

TEST_F(FileTargetTest, AFileIsOnlyCompared) {
  write_file(file("disk"), random_bytes(kMiB, 1));
  ASSERT_EQ(::chmod(file("disk").c_str(), 0400), 0);
  const auto target = open_target(file("disk"), {.use = TargetUse::kReadOnly});
  EXPECT_EQ(target->traits().size, kMiB);
  target->set_size(kMiB / 2);
  EXPECT_EQ(error_of([&] { target->set_size(2 * kMiB); }),
            file("disk") + ": is too small: the disk has 2097152 bytes, there is room for 1048576");
  EXPECT_THROW(target->write(GuestOffset(0), random_bytes(512, 2)), Error);
  target->drop_cache();
  EXPECT_EQ(read_target(*target, 0, kMiB), random_bytes(kMiB, 1));
  target->finish();
  EXPECT_EQ(read_file(file("disk")), random_bytes(kMiB, 1));
}

TEST_F(FileTargetTest, LockedAgainstReadersAndOtherWriters) {
  write_file(file("disk"), random_bytes(kMiB, 1));
  const std::string in_use = file("disk") + ": is in use: ";
  {
    const auto target = open_target(file("disk"), {.use = TargetUse::kChange});
    EXPECT_EQ(error_of([&] { open_disk(file("disk")); }), in_use + "QEMU has it open for writing");
    EXPECT_EQ(error_of([&] { open_target(file("disk"), {.use = TargetUse::kChange}); }),
              in_use + "QEMU has it open for writing");
    EXPECT_EQ(error_of([&] { open_target(file("disk"), {.overwrite = true}); }),
              in_use + "QEMU has it open for writing");
    EXPECT_EQ(error_of([&] { open_target(file("disk"), {.use = TargetUse::kReadOnly}); }),
              in_use + "QEMU has it open for writing");
    EXPECT_NO_THROW(open_target(file("disk"), {.use = TargetUse::kChange, .force_share = true}));
    if (testing::installed("qemu-io")) {
      const std::string write = "qemu-io -f raw -c 'write 0 512' " + file("disk") + " 2>&1";
      EXPECT_NE(run_to_end({.command = {"sh", "-c", write}}).find("Failed to get"),
                std::string::npos);
    }
  }
  {
    const auto disk = open_disk(file("disk"));
    EXPECT_EQ(error_of([&] { open_target(file("disk"), {.use = TargetUse::kChange}); }),
              in_use + "it is being read as an image");
    EXPECT_NO_THROW(open_target(file("disk"), {.use = TargetUse::kReadOnly}));
  }
  EXPECT_NO_THROW(open_target(file("disk"), {.use = TargetUse::kChange}));
}

TEST_F(FileTargetTest, RoomIsWhatTheFileSystemHas) {
  const auto target = open_target(file("disk"));
  const auto room = target->room();
  ASSERT_TRUE(room);
  EXPECT_GT(*room, 0U);
}

TEST_F(FileTargetTest, AFullFileSystemIsAnErrorWithAnOffset) {
  std::string message;
  // A thread may see another tree of mounts than the rest of the process.
  std::jthread([&message] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/mnt", "tmpfs", 0, "size=1m") != 0) {
      return;
    }
    const auto target = open_target("/mnt/disk");
    target->set_size(4 * kMiB);
    message = error_of([&] { target->write(GuestOffset(kMiB), random_bytes(2 * kMiB, 1)); });
  }).join();
  if (message.empty()) GTEST_SKIP() << "needs root: a small file system";
  EXPECT_EQ(message, "/mnt/disk: write failed at offset 2097152: no space left on device");
}

// As where the file system makes no files without a name.
TEST_F(FileTargetTest, AFileWithAHiddenNameIsRenamedOrGoesAway) {
  for (const bool replaces : {false, true}) {
    const std::string path = file(replaces ? "replaced" : "new");
    std::optional<NewFile::Replaced> replaced;
    if (replaces) {
      write_file(path, random_bytes(1000, 1));
      replaced =
          NewFile::Replaced{.mode = S_IFREG | 0640, .owner = ::getuid(), .group = ::getgid()};
    }
    const auto before = files();
    {
      NewFile abandoned(path, path, replaced, false);
      const UniqueFd fd = abandoned.take();
      EXPECT_TRUE(fd);
      EXPECT_EQ(files(), before + 1);
    }
    EXPECT_EQ(files(), before);
    NewFile made(path, path, replaced, false);
    const UniqueFd fd = made.take();
    ASSERT_EQ(::ftruncate(fd.get(), 512), 0);
    made.give_name(fd.get());
    EXPECT_EQ(read_file(path), Bytes(512));
    EXPECT_EQ(files(), replaces ? before : before + 1);
    if (replaces) {
      EXPECT_EQ(owner_of(path).substr(0, 4), "0640");
    }
  }
  NewFile late(file("late"), "late", std::nullopt, false);
  const UniqueFd fd = late.take();
  write_file(file("late"), random_bytes(1000, 1));
  EXPECT_EQ(error_of([&] { late.give_name(fd.get()); }),
            "late: cannot get its name: a file of that name was made meanwhile");
  EXPECT_EQ(read_file(file("late")), random_bytes(1000, 1));
}

TEST_F(FileTargetTest, AWayToZerosThatIsRefusedIsNotTriedAgain) {
  const Bytes old = random_bytes(kMiB, 1);
  write_file(file("disk"), old);
  const TargetDescriptor descriptor(UniqueFd(::open(file("disk").c_str(), O_RDWR | O_CLOEXEC)),
                                    file("disk"));
  // A file knows no BLKZEROOUT.
  const std::array only_zero_out = {ZeroMethod::kZeroOut};
  Zeroing zeroing(descriptor, only_zero_out, 4096);
  Bytes wanted = old;
  const auto zero = [&](Zeroing& how, std::uint64_t begin, std::uint64_t length) {
    how.zero({GuestOffset(begin), length});
    std::fill_n(wanted.begin() + static_cast<std::ptrdiff_t>(begin), length, std::byte{0});
    EXPECT_EQ(read_file(file("disk")), wanted) << begin;
  };
  zero(zeroing, 0, 10'000);
  zero(zeroing, 20'001, 10'000);
  const std::array both = {ZeroMethod::kZeroOut, ZeroMethod::kPunchHole};
  Zeroing second(descriptor, both, 4096);
  zero(second, 100'000, 700'000);
  zero(second, 50'000, 100);
  zero(second, 900'000, kMiB - 900'000);
}

}  // namespace
}  // namespace qcow2stream
