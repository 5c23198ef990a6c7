/* Products with the weights of small matrices of pixels, for one thread on a CPU. Images are float32 with channels
   last and contiguous; indices count pixels, as in pixel_indices.py. */

#include "lanes.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 4 /* rows of the weights at once, so that their sums stay in registers */
#define PADDED(n) (((n) + LANES - 1) / LANES * LANES)

/* Rows i to i + ROWS - 1 of the weights (n x n); the last row stands in for those beyond. */
static inline __attribute__((always_inline)) void rows_at(
    const float *rows[ROWS], const float *weights, int64_t n, int64_t i)
{
    for (int64_t row = 0; row < ROWS; row++)
        rows[row] = weights + (i + row < n ? i + row : n - 1) * n;
}

static inline __attribute__((always_inline)) void add_scaled(
    Lanes sums[ROWS], const float *const rows[ROWS], int64_t j, const float *values)
{
    const Lanes some = *(const Lanes *)values;
    for (int row = 0; row < ROWS; row++)
        sums[row] += rows[row][j] * some;
}

/* total += sum_g P_g^T W_g P_g images, with W_g (k x k) among the patches of a group. Returns 0, or -1 without
   memory. */
int edlrr_group_products(
    const float *images, float *total, const int64_t *corners, const float *weights, int64_t num_groups,
    int64_t k, int64_t patch_px, int64_t width_px, int64_t num_channels)
{
    const int64_t run = patch_px * num_channels, length = patch_px * run, stride = PADDED(length);
    float *patches = calloc((size_t)(2 * k * stride), sizeof(float));
    if (!patches)
        return -1;
    float *products = patches + k * stride;
    for (int64_t g = 0; g < num_groups; g++, corners += k, weights += k * k) {
        for (int64_t i = 0; i < k; i++)
            for (int64_t y = 0; y < patch_px; y++)
                memcpy(patches + i * stride + y * run, images + (corners[i] + y * width_px) * num_channels,
                       (size_t)run * sizeof(float));
        for (int64_t first = 0; first < stride; first += LANES)
            for (int64_t i = 0; i < k; i += ROWS) {
                const float *rows[ROWS];
                Lanes sums[ROWS] = {{0}};
                rows_at(rows, weights, k, i);
                for (int64_t j = 0; j < k; j++)
                    add_scaled(sums, rows, j, patches + j * stride + first);
                for (int64_t row = 0; row < ROWS && i + row < k; row++)
                    *(Lanes *)(products + (i + row) * stride + first) = sums[row];
            }
        for (int64_t i = 0; i < k; i++)
            for (int64_t y = 0; y < patch_px; y++) {
                float *to = total + (corners[i] + y * width_px) * num_channels;
                const float *from = products + i * stride + y * run;
                for (int64_t x = 0; x < run; x++)
                    to[x] += from[x];
            }
    }
    free(patches);
    return 0;
}

/* total += sum_g P_g^T C P_g images W_g, with W_g (p^2 x p^2) among the pixels of a patch, where C subtracts the
   mean of all patches of a window. Returns 0, or -1 without memory. */
int edlrr_window_products(
    const float *images, float *total, const int64_t *indices, const float *weights, int64_t num_windows,
    int64_t height, int64_t width, int64_t patch_px, int64_t width_px, int64_t num_channels)
{
    const int64_t n = patch_px * patch_px, down = height - patch_px + 1, across = width - patch_px + 1;
    const int64_t stride = width + LANES, plane = height * stride;
    float *pixels = calloc((size_t)(2 * num_channels * plane + n * LANES), sizeof(float));
    if (!pixels)
        return -1;
    float *products = pixels + num_channels * plane, *means = products + num_channels * plane;
    for (int64_t g = 0; g < num_windows; g++, weights += n * n) {
        const int64_t start = indices[g];
        memset(products, 0, (size_t)(num_channels * plane + n * LANES) * sizeof(float));
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++)
                for (int64_t c = 0; c < num_channels; c++)
                    pixels[c * plane + y * stride + x] = images[(start + y * width_px + x) * num_channels + c];
        for (int64_t c = 0; c < num_channels; c++)
            for (int64_t y = 0; y < down; y++)
                for (int64_t x = 0; x < across; x += LANES) {
                    const float *from = pixels + c * plane + y * stride + x;
                    float *to = products + c * plane + y * stride + x;
                    Lanes inside;
                    for (int lane = 0; lane < LANES; lane++)
                        inside[lane] = x + lane < across;
                    for (int64_t i = 0; i < n; i += ROWS) {
                        const float *rows[ROWS];
                        Lanes sums[ROWS] = {{0}};
                        rows_at(rows, weights, n, i);
                        for (int64_t dy = 0, j = 0; dy < patch_px; dy++)
                            for (int64_t dx = 0; dx < patch_px; dx++, j++)
                                add_scaled(sums, rows, j, from + dy * stride + dx);
                        for (int64_t row = 0; row < ROWS && i + row < n; row++) {
                            const int64_t at = i + row;
                            const Lanes values = sums[row] * inside;
                            *(Lanes *)(to + at / patch_px * stride + at % patch_px) += values;
                            ((Lanes *)means)[at] += values;
                        }
                    }
                }
        for (int64_t i = 0; i < n; i++) {
            float mean = 0;
            for (int lane = 0; lane < LANES; lane++)
                mean += means[i * LANES + lane];
            mean /= (float)(num_channels * down * across);
            for (int64_t c = 0; c < num_channels; c++)
                for (int64_t y = 0; y < down; y++)
                    for (int64_t x = 0; x < across; x++)
                        products[c * plane + (y + i / patch_px) * stride + x + i % patch_px] -= mean;
        }
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++)
                for (int64_t c = 0; c < num_channels; c++)
                    total[(start + y * width_px + x) * num_channels + c] += products[c * plane + y * stride + x];
    }
    free(pixels);
    return 0;
}
