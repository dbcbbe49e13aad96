// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sources whose answers about data and zeros lie: they stand still, overlap, go back, leave gaps,
// end early or lie behind the end, and the disk may be shorter than they say. The survey has to
// end, and may leave out only what a sensible answer called zeros: a model says which that is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "input.h"
#include "layout/cluster_map.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/survey.h"

namespace qcow2stream::fuzz {
namespace {

constexpr std::uint64_t kCluster = 512;

class LyingCursor final : public RunCursor {
 public:
  explicit LyingCursor(const std::vector<Run>& answers) : answers_(answers) {}
  std::optional<Run> next() override {
    require(++asked_ <= answers_.size() + 2, "the source is asked for ever");
    return at_ < answers_.size() ? std::optional(answers_[at_++]) : std::nullopt;
  }

 private:
  const std::vector<Run>& answers_;
  std::size_t at_ = 0;
  std::size_t asked_ = 0;
};

class LyingDisk final : public Disk {
 public:
  LyingDisk(std::uint64_t size, std::vector<Run> answers)
      : size_(size), answers_(std::move(answers)) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    require(offset.value() <= size_ && buffer.size() <= size_ - offset.value(),
            "a read behind the end of the disk");
    std::ranges::fill(buffer, std::byte{1});
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange /*range*/) const override {
    return std::make_unique<LyingCursor>(answers_);
  }
  [[nodiscard]] const std::vector<Run>& answers() const { return answers_; }

 private:
  std::string name_ = "lying";
  std::uint64_t size_;
  std::vector<Run> answers_;
};

// Byte by byte: which may be left out.
std::vector<bool> model(const LyingDisk& disk) {
  const std::uint64_t size = disk.size();
  std::vector<bool> zeros(size);
  std::uint64_t at = 0;
  for (const Run& answer : disk.answers()) {
    const std::uint64_t begin = answer.range.begin.value();
    const std::uint64_t length = answer.range.length;
    const bool wraps = length > std::numeric_limits<std::uint64_t>::max() - begin;
    if (at >= size || length == 0 || wraps || begin + length <= at || begin >= size) break;
    if (begin + length > size && !answer.is_data()) break;
    const std::uint64_t end = std::min(begin + length, size);
    for (std::uint64_t i = std::max(at, begin); i < end; ++i) zeros[i] = !answer.is_data();
    at = end;
  }
  return zeros;
}

LyingDisk read_disk(Input& input) {
  const std::uint64_t size = input.number() % (64 * kCluster);
  std::vector<Run> answers;
  std::uint64_t expected = 0;  // where an honest source would go on
  while (!input.at_end() && answers.size() < 200) {
    const unsigned how = input.byte();
    std::uint64_t begin = expected;
    if (how % 4 == 1) begin = input.number();
    if (how % 4 == 2) begin = std::numeric_limits<std::uint64_t>::max() - input.number();
    std::uint64_t length = input.number();
    if (how % 8 == 7) length = std::numeric_limits<std::uint64_t>::max() - input.number();
    answers.push_back(
        {.range = {GuestOffset(begin), length}, .holds = data_or_zeros((how & 16U) != 0)});
    expected = begin + length;
  }
  return {size, std::move(answers)};
}

void check(Input input) {
  const LyingDisk disk = read_disk(input);
  const std::vector<bool> zeros = model(disk);
  for (const Scan scan : {Scan::kHoles, Scan::kZeros}) {
    const ImageOptions image{.cluster_size = kCluster};
    const auto map = survey(disk, image, {.scan = scan, .threads = 1}).map;
    for (std::uint64_t at = 0; at < disk.size(); at += kCluster) {
      const std::uint64_t end = std::min(at + kCluster, disk.size());
      const bool all_zeros = std::find(zeros.begin() + static_cast<std::ptrdiff_t>(at),
                                       zeros.begin() + static_cast<std::ptrdiff_t>(end),
                                       false) == zeros.begin() + static_cast<std::ptrdiff_t>(end);
      const bool is_kept = map->kind_of(GuestCluster(at / kCluster)) == ClusterKind::kData;
      require(is_kept != all_zeros, "another cluster is left out than the answers allow");
    }
  }
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("source-runs", [&] {
    qcow2stream::fuzz::check(qcow2stream::fuzz::Input({data, size}));
  });
}
