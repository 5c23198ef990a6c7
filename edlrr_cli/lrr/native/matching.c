/* Block matching, for one thread on a CPU; indices count pixels, as in pixel_indices.py. */

#include "lanes.h"

#include <stdlib.h>

/* Insert a distance and its index into the sorted nearest so far; equal distances stay in order. */
static inline void insert(float *nearest, int64_t *at, int64_t count, float distance, int64_t index)
{
    int64_t slot = count - 1;
    while (slot > 0 && nearest[slot - 1] > distance) {
        nearest[slot] = nearest[slot - 1];
        at[slot] = at[slot - 1];
        slot--;
    }
    nearest[slot] = distance;
    at[slot] = index;
}

/* Write the corners of the patches in all images most similar to each reference patch of one, which comes first,
   (rows x columns) x count. Planes (n, c, h, stride), each row followed by 16 zeros. Returns 0, or -1 without
   memory. */
int edlrr_match(
    const float *planes, int64_t num_images, int64_t index, int64_t num_channels, int64_t height, int64_t width,
    int64_t stride, const int64_t *rows, int64_t num_rows, const int64_t *columns, int64_t num_columns,
    int64_t patch_px, int64_t reach_y, int64_t reach_x, int64_t count, int64_t *corners)
{
    const float *own = planes + index * num_channels * height * stride;
    float *nearest = malloc((size_t)count * sizeof(float));
    if (!nearest)
        return -1;
    for (int64_t r = 0; r < num_rows; r++)
        for (int64_t q = 0; q < num_columns; q++, corners += count) {
            const int64_t row = rows[r], column = columns[q];
            const int64_t top = row > reach_y ? row - reach_y : 0, left = column > reach_x ? column - reach_x : 0;
            const int64_t bottom = row + reach_y < height - patch_px ? row + reach_y : height - patch_px;
            const int64_t right = column + reach_x < width - patch_px ? column + reach_x : width - patch_px;
            corners[0] = (index * height + row) * width + column;
            for (int64_t i = 0; i < count; i++)
                nearest[i] = i ? __builtin_inff() : -1.0f;
            for (int64_t n = 0; n < num_images; n++)
                for (int64_t y = top; y <= bottom; y++)
                    for (int64_t x = left; x <= right; x += LANES) {
                        Lanes sums = {0};
                        for (int64_t c = 0; c < num_channels; c++)
                            for (int64_t dy = 0; dy < patch_px; dy++) {
                                const int64_t plane = n * num_channels + c;
                                const float *here = own + (c * height + row + dy) * stride + column;
                                const float *there = planes + (plane * height + y + dy) * stride + x;
                                for (int64_t dx = 0; dx < patch_px; dx++) {
                                    const Lanes difference = *(const Lanes *)(there + dx) - here[dx];
                                    sums += difference * difference;
                                }
                            }
                        for (int lane = 0; lane < LANES && x + lane <= right; lane++)
                            if (sums[lane] < nearest[count - 1] && (n != index || y != row || x + lane != column))
                                insert(nearest, corners, count, sums[lane], (n * height + y) * width + x + lane);
                    }
        }
    free(nearest);
    return 0;
}
