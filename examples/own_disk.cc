// SPDX-License-Identifier: GPL-2.0-or-later
//
// A disk of one's own: here one that is computed. The image is written in two halves, the second
// one first, to show that any range stands on its own: own_disk FILE

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "qcow2stream/qcow2stream.h"

namespace {

// 64 MiB of zeros with one line of text every 16 MiB.
class Banner final : public qcow2stream::Disk {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return 64 << 20; }

  void read(qcow2stream::GuestOffset offset, std::span<std::byte> buffer) const override {
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      const std::uint64_t at = (offset.value() + i) % (16 << 20);
      buffer[i] = at < text_.size() ? static_cast<std::byte>(text_[at]) : std::byte{0};
    }
  }

 private:
  std::string name_ = "banner";
  std::string text_ = "a disk that never existed\n";
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: own_disk FILE\n", stderr);
    return 2;
  }
  const int fd = ::open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    std::perror(argv[1]);
    return 1;
  }
  try {
    using qcow2stream::HostOffset;
    const auto disk = std::make_shared<Banner>();
    const qcow2stream::ImageOptions options;
    const qcow2stream::Image image(disk, options, qcow2stream::survey(*disk, options));
    const std::uint64_t half = image.size() / 2 + 1;  // right through a table entry, why not
    ::lseek(fd, static_cast<off_t>(half), SEEK_SET);
    qcow2stream::emit(image, {HostOffset(half), image.size() - half}, fd);
    ::lseek(fd, 0, SEEK_SET);
    qcow2stream::emit(image, {HostOffset(0), half}, fd);
  } catch (const qcow2stream::Error& error) {
    std::fprintf(stderr, "own_disk: %s\n", error.what());
    return 1;
  }
  return ::close(fd) == 0 ? 0 : 1;
}
