// SPDX-License-Identifier: GPL-2.0-or-later
//
// Says what of a file system need not be in an image, without any confinement:
//   free-runs [--as ext|ntfs] [--swap] [--zero] IMAGE
//   {"format": "ext4", "name": "...", "block_size": N, "used": BYTES, "free": BYTES,
//    "kept_because": "...", "remedy": "...", "read": BYTES, "runs": [[BEGIN, LENGTH, "free"], ...]}
// Without --as the format is found out. --swap looks for swap files, too. With --zero, what is said
// to be left out becomes a hole of the file.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "filesystem_testing.h"
#include "filesystems/examine.h"
#include "filesystems/ext.h"
#include "filesystems/ntfs.h"

namespace {

using namespace qcow2stream;

class FileVolume final : public Volume {
 public:
  explicit FileVolume(const char* path) : descriptor_(::open(path, O_RDWR | O_CLOEXEC)) {
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0)
      throw std::runtime_error(std::string(path) + ": " + std::strerror(errno));
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~FileVolume() override { ::close(descriptor_); }
  FileVolume(const FileVolume&) = delete;
  FileVolume& operator=(const FileVolume&) = delete;

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override {
    if (offset.value() > size_ || buffer.size() > size_ - offset.value())
      throw Error(ErrorKind::kFailed, "file", "read", "outside of the volume");
    read_ += buffer.size();
    while (!buffer.empty()) {
      const ssize_t n =
          ::pread(descriptor_, buffer.data(), buffer.size(), static_cast<off_t>(offset.value()));
      if (n <= 0) throw Error(ErrorKind::kFailed, "file", "read", "short");
      buffer = buffer.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
  }
  void punch(std::uint64_t offset, std::uint64_t length) const {
    if (::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(offset), static_cast<off_t>(length)) != 0)
      throw std::runtime_error(std::string("fallocate: ") + std::strerror(errno));
  }
  [[nodiscard]] std::uint64_t bytes_read() const { return read_; }

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
  mutable std::uint64_t read_ = 0;
};

struct Arguments {
  std::string format;
  bool swap = false;
  bool zero = false;
  const char* image = nullptr;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--swap") {
      arguments.swap = true;
    } else if (word == "--zero") {
      arguments.zero = true;
    } else if (word == "--as" && i + 1 < argc) {
      arguments.format = argv[++i];
    } else {
      arguments.image = argv[i];
    }
  }
  if (arguments.image == nullptr) throw std::runtime_error("free-runs: no image");
  return arguments;
}

Finding examine_as(const std::string& format, const Volume& volume, Kinds kinds, FreeRuns& runs) {
  if (format == "ext") return examine_ext(volume, kinds, runs);
  if (format == "ntfs") return examine_ntfs(volume, kinds, runs);
  return examine(volume, kinds, runs);
}

void run(const Arguments& arguments) {
  const FileVolume volume(arguments.image);
  testing::CollectedRuns collected;
  const Kinds kinds{.free = true, .swap = arguments.swap};
  const Finding finding = examine_as(arguments.format, volume, kinds, collected);
  const auto runs = collected.in_order();
  if (const std::string fault = testing::fault_of(runs, volume.size()); !fault.empty())
    throw std::runtime_error(fault);
  nlohmann::json json = {{"format", finding.format},
                         {"name", finding.name},
                         {"block_size", finding.block_size},
                         {"used", finding.used},
                         {"free", finding.free},
                         {"kept_because", finding.kept_because},
                         {"remedy", finding.remedy},
                         {"read", volume.bytes_read()},
                         {"runs", nlohmann::json::array()}};
  if (!finding.kept()) {
    for (const auto& run : runs) {
      json["runs"].push_back(
          {run.begin, run.length, run.kind == LeftOutKind::kFree ? "free" : "swap"});
      if (arguments.zero) volume.punch(run.begin, run.length);
    }
  }
  std::puts(json.dump().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
