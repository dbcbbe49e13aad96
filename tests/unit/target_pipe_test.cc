// SPDX-License-Identifier: GPL-2.0-or-later

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <thread>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/target.h"
#include "system/fd.h"
#include "system/io.h"
#include "target/early_pieces.h"
#include "target_testing.h"

namespace qcow2stream {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::kMiB;
using testing::random_bytes;

// A pipe whose other end is read to its end by a thread.
class ReadPipe {
 public:
  explicit ReadPipe(int flags = 0) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    out_ = UniqueFd(ends[1]);
    if (flags != 0) {
      EXPECT_EQ(::fcntl(ends[1], F_SETFL, flags), 0);
    }
    read_ = std::async(std::launch::async, [in = UniqueFd(ends[0])] {
      Bytes all;
      Bytes piece(10'000);
      for (;;) {
        const ssize_t n = ::read(in.get(), piece.data(), piece.size());
        if (n <= 0) return all;
        all.insert(all.end(), piece.begin(), piece.begin() + n);
      }
    });
  }
  [[nodiscard]] int fd() const { return out_.get(); }
  // Closes it.
  Bytes content() {
    out_ = UniqueFd();
    return read_.get();
  }

 private:
  std::future<Bytes> read_;  // first: it waits until the pipe is closed
  UniqueFd out_;
};

// The content of a file in memory, to which a target was written.
Bytes content_of(const UniqueFd& file) {
  Bytes bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
  EXPECT_EQ(read_full_at(file.get(), 0, bytes).bytes, bytes.size());
  return bytes;
}

std::span<const std::byte> piece_of(const Bytes& bytes, std::uint64_t begin, std::uint64_t end) {
  return std::span(bytes).subspan(begin, end - begin);
}

TEST(PipeTarget, PiecesInAnyOrderComeOutInTheOrderOfTheDisk) {
  ReadPipe pipe;
  const auto target = make_pipe_target(pipe.fd(), "out");
  Bytes disk = random_bytes(3 * kMiB, 1);
  std::fill(disk.begin() + kMiB, disk.begin() + 2 * kMiB, std::byte{0});
  target->set_size(disk.size());
  target->write(GuestOffset(2 * kMiB), piece_of(disk, 2 * kMiB, 3 * kMiB));
  target->zero({GuestOffset(kMiB), kMiB});
  target->write(GuestOffset(kMiB / 2), piece_of(disk, kMiB / 2, kMiB));
  target->write(GuestOffset(0), piece_of(disk, 0, kMiB / 2));
  target->finish();
  EXPECT_EQ(pipe.content(), disk);
}

TEST(PipeTarget, TheLastPieceWaitsForTheEnd) {
  for (const std::uint64_t size : {std::uint64_t{512}, std::uint64_t{65'536}, kMiB}) {
    ReadPipe pipe;
    {
      const auto target = make_pipe_target(pipe.fd(), "out", {.spool_memory = 0});
      target->set_size(size);
      target->write(GuestOffset(0), random_bytes(size, 1));
    }
    EXPECT_EQ(pipe.content().size(), size - std::min<std::uint64_t>(size, 65'536));
  }
}

TEST(PipeTarget, WhatIsMissingIsAnError) {
  ReadPipe pipe;
  const auto target = make_pipe_target(pipe.fd(), "out");
  target->set_size(kMiB);
  target->write(GuestOffset(0), random_bytes(1000, 1));
  target->zero({GuestOffset(1512), kMiB - 1512});
  EXPECT_EQ(error_of([&] { target->finish(); }),
            "out: is incomplete: nothing was restored to offset 1000");
}

TEST(PipeTarget, ZerosAheadTakeNoRoom) {
  ReadPipe pipe;
  const auto target = make_pipe_target(pipe.fd(), "out", {.spool_memory = 0});
  target->set_size(50 * kMiB);
  for (std::uint64_t at = 49 * kMiB; at != 0; at -= kMiB) target->zero({GuestOffset(at), kMiB});
  target->write(GuestOffset(0), random_bytes(kMiB, 1));
  target->finish();
  Bytes disk = random_bytes(kMiB, 1);
  disk.resize(50 * kMiB);
  EXPECT_EQ(pipe.content(), disk);
}

TEST(PipeTarget, NoRoomIsAnErrorWithANumberThatIsEnough) {
  const auto write_backwards = [](std::uint64_t memory) {
    ReadPipe pipe;
    const auto target = make_pipe_target(pipe.fd(), "out", {.spool_memory = memory});
    const Bytes disk = random_bytes(2 * kMiB, 1);
    target->set_size(disk.size());
    for (std::uint64_t at = disk.size(); at != 0; at -= 8192) {
      target->write(GuestOffset(at - 8192), piece_of(disk, at - 8192, at));
    }
    target->finish();
    EXPECT_EQ(pipe.content(), disk);
  };
  try {
    write_backwards(kMiB);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "out: cannot be written in order: there is no room to keep what comes too early");
    EXPECT_EQ(error.subject(), ErrorSubject::kSpool);
    EXPECT_EQ(error.advice(), Advice::kMoreSpool);
    EXPECT_GE(error.advice_number(), 2 * kMiB);
    EXPECT_LE(error.advice_number(), 5 * kMiB / 2);
    write_backwards(error.advice_number());
  }
}

TEST(PipeTarget, WhatHasNoRoomInMemoryGoesIntoAFile) {
  const testing::TestDirectory directory;
  ReadPipe pipe;
  const auto target = make_pipe_target(
      pipe.fd(), "out", {.spool_memory = 100'000, .spool_directory = directory.file("")});
  Bytes disk = random_bytes(4 * kMiB, 1);
  std::fill(disk.begin() + 3 * kMiB, disk.end(), std::byte{0});  // not stored in the file
  target->set_size(disk.size());
  for (std::uint64_t at = disk.size(); at != 0; at -= 65'536) {
    target->write(GuestOffset(at - 65'536), piece_of(disk, at - 65'536, at));
  }
  target->finish();
  EXPECT_EQ(pipe.content(), disk);
  EXPECT_TRUE(std::filesystem::is_empty(directory.file("")));
}

TEST(PipeTarget, AReaderThatGoesAwayIsAnError) {
  for (const bool is_socket : {false, true}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data())
                        : ::pipe2(ends.data(), O_CLOEXEC),
              0);
    const UniqueFd out(ends[1]);
    ::close(ends[0]);
    const auto target = make_pipe_target(out.get(), "out");
    target->set_size(kMiB);
    EXPECT_EQ(error_of([&] { target->write(GuestOffset(0), random_bytes(kMiB, 1)); }),
              "out: write failed at offset 0: broken pipe");
  }
}

TEST(PipeTarget, ADescriptorThatDoesNotBlockIsWaitedFor) {
  ReadPipe pipe(O_NONBLOCK);
  const auto target = make_pipe_target(pipe.fd(), "out");
  const Bytes disk = random_bytes(5 * kMiB, 1);
  target->set_size(disk.size());
  target->write(GuestOffset(0), disk);
  target->finish();
  EXPECT_EQ(pipe.content(), disk);
}

TEST(PipeTarget, WhatCannotBeWrittenIsRefused) {
  EXPECT_EQ(error_of([] { make_pipe_target(-1, "out"); }),
            "out: cannot be written: it is not open");
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(error_of([&] { make_pipe_target(null.get(), "out"); }),
            "out: cannot be written: it is open for reading only");
}

TEST(PipeTarget, SizeChangesWithAnIncrement) {
  ReadPipe pipe;
  const auto target = make_pipe_target(pipe.fd(), "out");
  Bytes disk = random_bytes(kMiB, 1);
  target->set_size(disk.size());
  target->write(GuestOffset(0), disk);
  EXPECT_EQ(error_of([&] { target->set_size(kMiB / 2); }),
            "out: cannot become 524288 bytes long: 983040 bytes are written");
  target->set_size(2 * kMiB);
  target->set_size(2 * kMiB - 512);
  target->set_size(2 * kMiB);
  target->finish();
  disk.resize(2 * kMiB);
  EXPECT_EQ(pipe.content(), disk);
}

TEST(PipeTarget, SeveralThreadsBringTheDisk) {
  for (const std::uint64_t memory : {kMiB, 100 * kMiB}) {
    ReadPipe pipe;
    const testing::TestDirectory directory;
    const auto target = make_pipe_target(
        pipe.fd(), "out", {.spool_memory = memory, .spool_directory = directory.file("")});
    const Bytes disk = random_bytes(8 * kMiB, 1);
    target->set_size(disk.size());
    {
      std::vector<std::jthread> threads;
      for (std::uint64_t first = 0; first < 4; ++first) {
        threads.emplace_back([&, first] {
          constexpr std::uint64_t kPiece = 30'000;
          for (std::uint64_t at = first * kPiece; at < disk.size(); at += 4 * kPiece) {
            target->write(GuestOffset(at), piece_of(disk, at, std::min(at + kPiece, disk.size())));
          }
        });
      }
    }
    target->finish();
    EXPECT_EQ(pipe.content(), disk);
  }
}

// What is kept may be replaced for as long as it has not gone out.
RC_GTEST_PROP(PipeTarget, WritesAndZerosAgainstAModel, ()) {
  const auto size = *rc::gen::inRange<std::uint64_t>(1, 1000) * 512;
  const auto memory = *rc::gen::element<std::uint64_t>(0, 50'000, 10 * kMiB);
  const UniqueFd file(::memfd_create("target", MFD_CLOEXEC));
  const auto target = make_pipe_target(
      file.get(), "out", {.spool_memory = memory, .spool_directory = ::testing::TempDir()});
  target->set_size(size);
  Bytes model(size);
  std::vector<bool> is_there(size);
  const std::uint64_t held_back = size - std::min<std::uint64_t>(size, 65'536);
  std::uint64_t gone = 0;  // no less than what went out
  const auto put = [&](std::uint64_t begin, std::uint64_t length, bool zeros, unsigned seed) {
    const Bytes bytes = zeros ? Bytes(length) : random_bytes(length, seed);
    if (zeros) {
      target->zero({GuestOffset(begin), length});
    } else {
      target->write(GuestOffset(begin), bytes);
    }
    std::ranges::copy(bytes, model.begin() + static_cast<std::ptrdiff_t>(begin));
    std::fill_n(is_there.begin() + static_cast<std::ptrdiff_t>(begin), length, true);
    while (gone < held_back && is_there[gone]) ++gone;
  };
  const auto rounds = *rc::gen::inRange<unsigned>(0, 30);
  for (unsigned round = 0; round < rounds; ++round) {
    const auto begin = *rc::gen::inRange<std::uint64_t>(gone, size);
    const auto most = *rc::gen::element<std::uint64_t>(1, 5000, 200'000);
    const auto length = *rc::gen::inRange<std::uint64_t>(1, std::min(most, size - begin) + 1);
    put(begin, length, *rc::gen::arbitrary<bool>(), round);
  }
  while (true) {
    const auto missing = std::ranges::find(is_there, false);
    if (missing == is_there.end()) break;
    const auto end = std::find(missing, is_there.end(), true);
    put(static_cast<std::uint64_t>(missing - is_there.begin()),
        static_cast<std::uint64_t>(end - missing), false, 99);
  }
  RC_ASSERT(content_of(file) ==
            Bytes(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(held_back)));
  ::lseek(file.get(), 0, SEEK_END);
  target->finish();
  RC_ASSERT(content_of(file) == model);
}

TEST(EarlyPieces, LeavesWhatHasNoRoom) {
  EarlyPieces pieces(10'000, std::nullopt);
  EXPECT_TRUE(pieces.keep(GuestOffset(0), random_bytes(5000, 1)));
  EXPECT_FALSE(pieces.keep(GuestOffset(2000), random_bytes(5000, 2)));
  const auto piece = pieces.take(GuestOffset(0), GuestOffset(100'000));
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->bytes, random_bytes(5000, 1));
  EXPECT_TRUE(pieces.keep(GuestOffset(2000), random_bytes(9000, 2)));
}

}  // namespace
}  // namespace qcow2stream
