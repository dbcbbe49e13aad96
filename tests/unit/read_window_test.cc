// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/read_window.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace qcow2stream {
namespace {

// The window after 100,000 pieces that come as fast as `pieces_per_second(size)` says.
template <class Speed>
std::size_t settled_size(const Speed& pieces_per_second) {
  ReadWindow window;
  std::chrono::duration<double> now{0};
  for (int i = 0; i < 100'000; ++i) {
    now += std::chrono::duration<double>(1 / pieces_per_second(window.size()));
    window.count(ReadWindow::Time(std::chrono::duration_cast<ReadWindow::Time::duration>(now)));
  }
  return window.size();
}

TEST(ReadWindow, StaysSmallWhereTheServerDecides) {
  EXPECT_EQ(settled_size([](std::size_t) { return 8000.0; }), ReadWindow::kFewest);
  EXPECT_EQ(settled_size([](std::size_t size) { return 80000.0 / static_cast<double>(size); }),
            ReadWindow::kFewest);
}

TEST(ReadWindow, GrowsWhereTheDistanceDecides) {
  EXPECT_EQ(settled_size([](std::size_t size) { return static_cast<double>(size) / 0.005; }),
            ReadWindow::kMost);
}

TEST(ReadWindow, GrowsAsFarAsItHelps) {
  const auto speed = [](std::size_t size) {
    return static_cast<double>(std::min<std::size_t>(size, 32)) / 0.005;
  };
  EXPECT_EQ(settled_size(speed), 32U);
}

TEST(ReadWindow, SaysWhenThereMayBeMore) {
  ReadWindow window;
  ReadWindow::Time now;
  std::size_t before = window.size();
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::milliseconds(1);
    const bool more = window.count(now);
    EXPECT_EQ(more, window.size() > before);
    before = window.size();
  }
}

}  // namespace
}  // namespace qcow2stream
