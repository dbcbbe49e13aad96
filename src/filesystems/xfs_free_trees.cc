// SPDX-License-Identifier: GPL-2.0-or-later
//
// The trees of free space. Each is walked from its first leaf to its last. Runs must come in the
// tree's order without overlaps, so no block is visited twice and a tree is not larger than its
// group, whatever it holds.

#include <algorithm>
#include <array>
#include <optional>

#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/xfs_group.h"

namespace qcow2stream::xfs {
namespace {

// Offsets of fields (struct xfs_btree_block, in its short form).
constexpr std::size_t kLevel = 4;
constexpr std::size_t kCount = 6;
constexpr std::size_t kLeft = 8;
constexpr std::size_t kRight = 12;
constexpr std::size_t kHeaderSize = 16;
// In version 5 only.
constexpr std::size_t kPlace = 16;
constexpr std::size_t kNodeUuid = 32;
constexpr std::size_t kOwner = 48;
constexpr std::size_t kNodeCrc = 52;
constexpr std::size_t kCheckedHeaderSize = 56;

constexpr std::size_t kRecordSize = 8;
constexpr std::size_t kPointerSize = 4;

enum class Order : std::uint8_t { kByBlock, kByLength };

[[noreturn]] void refuse_tree() {
  throw Kept("a tree of its free space is damaged", "run xfs_repair on it");
}

// What one tree holds, so that both can be compared without keeping either.
struct Sums {
  std::uint64_t runs = 0;
  std::uint64_t blocks = 0;
  std::uint64_t longest = 0;
  std::uint64_t hash = 0;  // does not depend on the order
  friend bool operator==(const Sums&, const Sums&) = default;
};

// The finalizer of SplitMix64: every bit of the result depends on each bit of the number.
std::uint64_t mixed(std::uint64_t n) {
  n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
  n = (n ^ n >> 27) * 0x94d049bb133111eb;
  return n ^ n >> 31;
}

class TreeWalk {
 public:
  TreeWalk(const Volume& volume, const Superblock& superblock, const Group& group, Order order,
           const std::function<void(GroupRun)>& take)
      : volume_(volume),
        superblock_(superblock),
        group_(group),
        order_(order),
        take_(take),
        header_size_(superblock.has_crcs ? kCheckedHeaderSize : kHeaderSize) {}

  void walk(const Tree& tree) {
    edges_.resize(tree.levels);
    visit(tree.root, tree.levels - 1, tree.levels - 1);
    for (const Edge& edge : edges_) {
      if (edge.right != kNoBlock) refuse_tree();
    }
  }
  [[nodiscard]] const Sums& sums() const { return sums_; }
  [[nodiscard]] std::uint64_t visited() const { return visited_; }

 private:
  // The block that was visited last on a level, and the one that it names as its neighbour.
  struct Edge {
    std::uint32_t block = kNoBlock;
    std::optional<std::uint32_t> right;
  };

  // `top` is the level of the root.
  void visit(std::uint64_t block, unsigned level, unsigned top) {
    const auto bytes = node(block, level, top);
    const Fields fields(bytes);
    const std::size_t count = fields.big<std::uint16_t>(kCount);
    for (std::size_t i = 0; i < count; ++i) {
      if (level == 0) {
        const std::size_t at = header_size_ + i * kRecordSize;
        take({fields.big<std::uint32_t>(at), fields.big<std::uint32_t>(at + 4)});
      } else {
        const std::size_t at = header_size_ + most(level) * kRecordSize + i * kPointerSize;
        visit(fields.big<std::uint32_t>(at), level - 1, top);
      }
    }
  }

  [[nodiscard]] std::size_t most(unsigned level) const {
    return (superblock_.block_size - header_size_) /
           (level == 0 ? kRecordSize : kRecordSize + kPointerSize);
  }

  std::vector<std::byte> node(std::uint64_t block, unsigned level, unsigned top) {
    if (block >= group_.blocks || visited_ >= group_.blocks) refuse_tree();
    ++visited_;
    const std::uint64_t place =
        superblock_.group_begin(group_.number) + block * superblock_.block_size;
    auto bytes = bytes_at(volume_, place, superblock_.block_size);
    const Fields fields(bytes);
    const std::size_t count = fields.big<std::uint16_t>(kCount);
    const bool may_be_empty = level == 0 && top == 0;
    if (!fields.has(0, magic()) || fields.big<std::uint16_t>(kLevel) != level ||
        count > most(level) || (count == 0 && !may_be_empty)) {
      refuse_tree();
    }
    if (superblock_.has_crcs) check_checked_header(fields, place);
    check_neighbours(fields, static_cast<std::uint32_t>(block), edges_[level]);
    return bytes;
  }

  [[nodiscard]] std::string_view magic() const {
    if (superblock_.has_crcs) return order_ == Order::kByBlock ? "AB3B" : "AB3C";
    return order_ == Order::kByBlock ? "ABTB" : "ABTC";
  }

  void check_checked_header(const Fields& fields, std::uint64_t place) const {
    if (!has_right_crc(fields.all(), kNodeCrc) ||
        fields.big<std::uint64_t>(kPlace) != place / kDiskBlock ||
        fields.big<std::uint32_t>(kOwner) != group_.number ||
        !std::ranges::equal(fields.bytes(kNodeUuid, superblock_.metadata_uuid.size()),
                            superblock_.metadata_uuid)) {
      refuse_tree();
    }
  }

  static void check_neighbours(const Fields& fields, std::uint32_t block, Edge& edge) {
    if (fields.big<std::uint32_t>(kLeft) != edge.block || edge.right.value_or(block) != block) {
      refuse_tree();
    }
    edge = {block, fields.big<std::uint32_t>(kRight)};
  }

  void take(GroupRun run) {
    if (run.count == 0 || run.end() > group_.blocks) refuse_tree();
    if (sums_.runs > 0 && !comes_after(run)) refuse_tree();
    last_ = run;
    ++sums_.runs;
    sums_.blocks += run.count;
    sums_.longest = std::max(sums_.longest, run.count);
    sums_.hash += mixed(run.begin << 32 | run.count);
    if (order_ == Order::kByBlock) {
      check_reserved(run);
      take_(run);
    }
  }

  // Of runs that touch there would be one.
  [[nodiscard]] bool comes_after(GroupRun run) const {
    if (order_ == Order::kByBlock) return run.begin > last_.end();
    return run.count > last_.count || (run.count == last_.count && run.begin > last_.begin);
  }

  void check_reserved(GroupRun run) const {
    const auto behind = std::ranges::lower_bound(group_.reserved, run.end(), {}, &GroupRun::begin);
    if (behind != group_.reserved.begin() && std::prev(behind)->end() > run.begin) refuse_tree();
  }

  const Volume& volume_;
  const Superblock& superblock_;
  const Group& group_;
  Order order_;
  const std::function<void(GroupRun)>& take_;
  std::size_t header_size_;
  std::vector<Edge> edges_;  // by level
  std::uint64_t visited_ = 0;
  GroupRun last_;
  Sums sums_;
};

}  // namespace

std::uint64_t walk_free(const Volume& volume, const Superblock& superblock, const Group& group,
                        const std::function<void(GroupRun)>& take) {
  TreeWalk by_block(volume, superblock, group, Order::kByBlock, take);
  by_block.walk(group.by_block);
  TreeWalk by_length(volume, superblock, group, Order::kByLength, take);
  by_length.walk(group.by_length);
  if (by_block.sums() != by_length.sums()) {
    throw Kept("the trees of its free space do not agree", "run xfs_repair on it");
  }
  if (by_block.sums().blocks != group.free_blocks || by_block.sums().longest != group.longest) {
    throw Kept("its counts of free blocks do not agree with its trees", "run xfs_repair on it");
  }
  return by_block.visited() + by_length.visited();
}

}  // namespace qcow2stream::xfs
