// SPDX-License-Identifier: GPL-2.0-or-later

#include "spool/compressed_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <new>

namespace qcow2stream {
namespace {

// This is address space, not memory: pages count when they are written to. It is so large that
// little of it is left over where the next run might not fit. Where address space is limited, slabs
// are smaller.
constexpr std::size_t kSlabSize = 256ULL << 20;

}  // namespace

class CompressedStore::Slab {
 public:
  Slab() {
    for (size_ = kSlabSize; size_ >= kMaxRun; size_ /= 2) {
      memory_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory_ != MAP_FAILED) break;
    }
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    // With large pages, filling it for the first time takes a tenth less. Where they are refused,
    // small ones will do.
    ::madvise(memory_, size_, MADV_HUGEPAGE);
  }
  ~Slab() { ::munmap(memory_, size_); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(memory_), size_};
  }

 private:
  void* memory_ = MAP_FAILED;
  std::size_t size_ = 0;
};

CompressedStore::CompressedStore(std::uint64_t memory, const std::optional<std::string>& directory)
    : memory_(memory) {
  if (directory) file_.emplace(*directory);
}

CompressedStore::~CompressedStore() = default;

std::span<std::byte> CompressedStore::new_slab() {
  auto slab = std::make_unique<Slab>();
  const auto bytes = slab->bytes();
  const std::lock_guard lock(mutex_);
  slabs_.push_back(std::move(slab));
  return bytes;
}

std::span<std::byte> CompressedStore::Writer::room(std::size_t size) {
  assert(used_ + size <= kMaxRun);
  // A run lies in one slab, so a run begins only where the longest one would fit.
  if (used_ == 0 && slab_.size() < kMaxRun) slab_ = store_.new_slab();
  return slab_.subspan(used_, size);
}

void CompressedStore::Writer::finish(GuestCluster first, GuestCluster end) {
  assert(first < end);
  const auto bytes = slab_.first(used_);
  used_ = 0;
  if (bytes.empty()) return;
  const Run run{.first = first, .end = end, .memory = bytes.data()};
  if (store_.keep_in_memory(run, bytes)) {
    slab_ = slab_.subspan(bytes.size());
  } else {
    // Whether the file has it or not, the same memory takes the next run.
    store_.keep_in_file(run, bytes);
  }
}

bool CompressedStore::keep_in_memory(const Run& run, std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes.size() > memory_ - memory_used_) return false;
  memory_used_ += bytes.size();
  runs_.push_back(run);
  return true;
}

bool CompressedStore::keep_in_file(Run run, std::span<const std::byte> bytes) {
  if (!file_) return false;
  run.memory = nullptr;
  {
    const std::lock_guard lock(mutex_);
    run.offset = file_used_;
    file_used_ += bytes.size();
  }
  file_->write(run.offset, bytes);
  const std::lock_guard lock(mutex_);
  runs_.push_back(run);
  return true;
}

void CompressedStore::seal() {
  std::ranges::sort(runs_, {}, &Run::first);
  runs_.shrink_to_fit();
  if (file_) file_->resize(file_used_);
}

const CompressedStore::Run* CompressedStore::find(GuestCluster cluster) const {
  const auto after = std::ranges::upper_bound(runs_, cluster, {}, &Run::first);
  if (after == runs_.begin()) return nullptr;
  const Run& run = *std::prev(after);
  return cluster < run.end ? &run : nullptr;
}

void CompressedStore::read(const Run& run, std::uint64_t offset, std::span<std::byte> out) const {
  if (run.memory != nullptr) {
    std::copy_n(run.memory + offset, out.size(), out.begin());
  } else {
    file_->read(run.offset + offset, out);
  }
}

}  // namespace qcow2stream
