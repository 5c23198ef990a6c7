/* Eigenvectors of many small Gram matrices, for one thread on a CPU: as many matrices side by side as floats are
   computed together, by Householder reflections and the implicit QL algorithm.

   Source: Golub, Van Loan, "Matrix computations", 2013, sections 8.3.1 and 8.3.3. Eigenvalues are accurate to
   rounding of the largest one, as the Gram matrix is. */

#include "lanes.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 4        /* rows and columns of products whose sums stay in registers */
#define COLUMNS 8      /* columns of the matrices that are read at once; a multiple of BLOCK */
#define NUM_VECTORS 7  /* of a workspace */
#define MAX_SWEEPS 60  /* for an eigenvalue; two are typical */
#define EPSILON 6e-8f
#define SMALLEST 1e-35f
#define UP(n) (((n) + BLOCK - 1) / BLOCK * BLOCK)

/* Memory for LANES matrices, k x n; k is padded to a multiple of BLOCK in X, A and U. */
typedef struct {
    Lanes *X, *A, *U, *diagonal, *beside, *reflector, *product, *cosines, *sines, *squares;
} Workspace;

static inline Lanes choose(Mask where, Lanes yes, Lanes no)
{
    return (Lanes)((where & (Mask)yes) | (~where & (Mask)no));
}

static inline Lanes magnitude(Lanes x) { return (Lanes)((Mask)x & 0x7fffffff); }

static inline Lanes with_sign(Lanes size, Lanes sign)
{
    return (Lanes)(((Mask)size & 0x7fffffff) | ((Mask)sign & (int32_t)0x80000000));
}

static inline Lanes root(Lanes x)
{
    for (int lane = 0; lane < LANES; lane++)
        x[lane] = __builtin_sqrtf(x[lane]);
    return x;
}

static inline int any(Mask where)
{
    int32_t bits = 0;
    for (int lane = 0; lane < LANES; lane++)
        bits |= where[lane];
    return bits != 0;
}

/* Write columns first to first + COLUMNS of `count` matrices to X, column by column, with zeros beyond. */
static void read_columns(
    Lanes *X, const float *S, int64_t count, int64_t k, int64_t n, int64_t down, int64_t across, int64_t first)
{
    const int64_t padded = UP(k), num = n - first < COLUMNS ? n - first : COLUMNS;
    memset(X, 0, (size_t)(COLUMNS * padded) * sizeof(Lanes));
    for (int64_t lane = 0; lane < count; lane++)
        for (int64_t j = 0; j < num; j++) {
            const float *from = S + lane * k * n + (first + j) * across;
            float *to = (float *)(X + j * padded) + lane;
            for (int64_t i = 0; i < k; i++)
                to[i * LANES] = from[i * down];
        }
}

/* A += X X^T, the lower triangle in blocks. */
static void add_gram(Lanes *A, const Lanes *X, int64_t k)
{
    const int64_t padded = UP(k);
    for (int64_t i = 0; i < k; i += BLOCK)
        for (int64_t j = 0; j <= i; j += BLOCK) {
            Lanes sums[BLOCK][BLOCK] = {{{0}}};
            for (int64_t c = 0; c < COLUMNS; c++) {
                const Lanes *x = X + c * padded;
                for (int row = 0; row < BLOCK; row++)
                    for (int column = 0; column < BLOCK; column++)
                        sums[row][column] += x[i + row] * x[j + column];
            }
            for (int row = 0; row < BLOCK; row++)
                for (int column = 0; column < BLOCK; column++)
                    A[(i + row) * padded + j + column] += sums[row][column];
        }
}

/* squares += sums over the columns of (U^T X)^2, for each column of U. */
static void add_squares(Lanes *squares, const Lanes *U, const Lanes *X, int64_t k)
{
    const int64_t padded = UP(k);
    for (int64_t j = 0; j < k; j += BLOCK)
        for (int64_t c = 0; c < COLUMNS; c += BLOCK) {
            Lanes sums[BLOCK][BLOCK] = {{{0}}};
            for (int64_t i = 0; i < k; i++)
                for (int row = 0; row < BLOCK; row++)
                    for (int column = 0; column < BLOCK; column++)
                        sums[row][column] += U[i * padded + j + row] * X[(c + column) * padded + i];
            for (int row = 0; row < BLOCK; row++)
                for (int column = 0; column < BLOCK; column++)
                    squares[j + row] += sums[row][column] * sums[row][column];
        }
}

/* Scale A to a trace of 1, so that squares neither under- nor overflow; 0 remains 0. */
static void normalize(Lanes *A, int64_t k)
{
    const int64_t padded = UP(k);
    Lanes trace = {0};
    for (int64_t i = 0; i < k; i++)
        trace += A[i * padded + i];
    const Lanes factor = choose(trace > SMALLEST, 1.0f / trace, (Lanes){0});
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j <= i; j++)
            A[i * padded + j] *= factor;
}

/* Reduce A to a tridiagonal matrix U^T A U; only the lower triangle of A is read. */
static void tridiagonalize(const Workspace *w, int64_t k)
{
    const int64_t padded = UP(k);
    Lanes *A = w->A, *U = w->U, *v = w->reflector, *p = w->product;
    for (int64_t step = 0; step + 2 < k; step++) {
        Lanes norm = {0}, inner = {0};
        for (int64_t i = step + 1; i < k; i++) {
            v[i] = A[i * padded + step];
            norm += v[i] * v[i];
            p[i] = (Lanes){0};
        }
        const Lanes size = root(norm), head = -with_sign(size, v[step + 1]);
        v[step + 1] -= head;
        /* The squared length of the reflector is -2 head v[step + 1]; without a length there is no reflection. */
        const Lanes half = -head * v[step + 1];
        const Mask is_reflected = half > SMALLEST;
        const Lanes factor = choose(is_reflected, 1.0f / half, (Lanes){0});
        for (int64_t i = step + 1; i < k; i++) {
            const Lanes *row = A + i * padded;
            const Lanes own = v[i];
            Lanes sum = row[i] * own;
            for (int64_t j = step + 1; j < i; j++) {
                sum += row[j] * v[j];
                p[j] += row[j] * own;
            }
            p[i] += sum;
        }
        for (int64_t i = step + 1; i < k; i++) {
            p[i] *= factor;
            inner += p[i] * v[i];
        }
        inner *= 0.5f * factor;
        for (int64_t i = step + 1; i < k; i++)
            p[i] -= inner * v[i];
        for (int64_t i = step + 1; i < k; i++) {
            Lanes *row = A + i * padded;
            const Lanes own = v[i], other = p[i];
            for (int64_t j = step + 1; j <= i; j++)
                row[j] -= own * p[j] + other * v[j];
        }
        w->diagonal[step] = A[step * padded + step];
        w->beside[step] = choose(is_reflected, head, A[(step + 1) * padded + step]);
        /* The upper triangle keeps the reflectors, and the diagonal their factors. */
        for (int64_t i = step + 1; i < k; i++)
            A[step * padded + i] = v[i];
        A[step * padded + step] = factor;
    }
    for (int64_t i = k > 1 ? k - 2 : 0; i < k; i++)
        w->diagonal[i] = A[i * padded + i];
    if (k > 1)
        w->beside[k - 2] = A[(k - 1) * padded + k - 2];
    w->beside[k - 1] = (Lanes){0};
    memset(U, 0, (size_t)(padded * padded) * sizeof(Lanes));
    for (int64_t i = 0; i < k; i++)
        U[i * padded + i] += 1.0f;
    for (int64_t step = k - 3; step >= 0; step--) {
        const Lanes *reflector = A + step * padded, factor = reflector[step];
        memset(p, 0, (size_t)k * sizeof(Lanes));
        for (int64_t i = step + 1; i < k; i++) {
            const Lanes *row = U + i * padded, own = reflector[i];
            for (int64_t j = step + 1; j < k; j++)
                p[j] += own * row[j];
        }
        for (int64_t i = step + 1; i < k; i++) {
            Lanes *row = U + i * padded;
            const Lanes own = factor * reflector[i];
            for (int64_t j = step + 1; j < k; j++)
                row[j] -= own * p[j];
        }
    }
}

/* Rotate columns last and last - 1 of U, then last - 1 and last - 2, to first. */
static void rotate(Lanes *U, const Lanes *cosines, const Lanes *sines, int64_t first, int64_t last, int64_t k)
{
    const int64_t padded = UP(k);
    for (int64_t i = 0; i < k; i += BLOCK) {
        Lanes *rows = U + i * padded, carried[BLOCK];
        for (int row = 0; row < BLOCK; row++)
            carried[row] = rows[row * padded + last];
        for (int64_t j = last - 1; j >= first; j--)
            for (int row = 0; row < BLOCK; row++) {
                const Lanes own = rows[row * padded + j];
                rows[row * padded + j + 1] = sines[j] * own + cosines[j] * carried[row];
                carried[row] = cosines[j] * own - sines[j] * carried[row];
            }
        for (int row = 0; row < BLOCK; row++)
            rows[row * padded + first] = carried[row];
    }
}

/* Diagonalize the tridiagonal matrix and rotate the columns of U, which become the eigenvectors. Returns 0, or 1
   where this does not converge. */
static int diagonalize(const Workspace *w, int64_t k)
{
    Lanes *d = w->diagonal, *e = w->beside, tolerance = {0};
    for (int64_t i = 0; i < k; i++)
        tolerance += magnitude(d[i]) + 2.0f * magnitude(e[i]);
    tolerance *= EPSILON / (float)k;
    for (int64_t first = 0; first + 1 < k; first++)
        for (int sweep = 0;; sweep++) {
            /* In each lane the block from `first` to `last` is not split. */
            Mask last = (Mask){0} + (int32_t)first, is_joined = (Mask){0} - 1;
            Lanes end = d[first];
            int64_t longest = first;
            for (int64_t i = first; i + 1 < k; i++) {
                is_joined &= ~(magnitude(e[i]) <= tolerance);
                if (!any(is_joined))
                    break;
                longest = i + 1;
                last -= is_joined;
                end = choose(is_joined, d[i + 1], end);
            }
            if (longest == first)
                break;
            if (sweep == MAX_SWEEPS)
                return 1;
            const Mask is_active = last > (int32_t)first;
            const Lanes edge = choose(is_active, e[first], (Lanes){0} + 1.0f);
            const Lanes ratio = (d[first + 1] - d[first]) / (2.0f * edge);
            Lanes g = end - d[first] + edge / (ratio + with_sign(root(ratio * ratio + 1.0f), ratio));
            Lanes sine = (Lanes){0} + 1.0f, cosine = sine, shift = {0};
            for (int64_t i = longest - 1; i >= first; i--) {
                const Mask is_inside = last > (int32_t)i;
                const Lanes f = sine * e[i], b = cosine * e[i], size = root(f * f + g * g);
                const Mask is_null = ~(size > 0.0f);
                const Lanes inverse = 1.0f / size;
                const Lanes s = choose(is_null, (Lanes){0}, f * inverse);
                const Lanes c = choose(is_null, (Lanes){0} + 1.0f, g * inverse);
                const Lanes at = d[i + 1] - shift, r = (d[i] - at) * s + 2.0f * c * b;
                e[i + 1] = choose(is_inside, choose(last == (int32_t)(i + 1), (Lanes){0}, size), e[i + 1]);
                d[i + 1] = choose(is_inside, at + s * r, d[i + 1]);
                shift = choose(is_inside, s * r, shift);
                g = choose(is_inside, c * r - b, g);
                sine = choose(is_inside, s, sine);
                cosine = choose(is_inside, c, cosine);
                w->cosines[i] = choose(is_inside, c, (Lanes){0} + 1.0f);
                w->sines[i] = choose(is_inside, s, (Lanes){0});
            }
            rotate(w->U, w->cosines, w->sines, first, longest, k);
            d[first] = choose(is_active, d[first] - shift, d[first]);
            e[first] = choose(is_active, g, e[first]);
        }
    return 0;
}

/* Write the eigenvectors of S S^T as columns of U (k x k), and the squared lengths of the rows of U^T S, for
   matrices S (k x n) whose entries lie `down` and `across` floats apart. Returns 0, -1 without memory, or 1
   where the iteration does not converge, as with NaN. */
int edlrr_principal(
    const float *S, int64_t num_matrices, int64_t k, int64_t n, int64_t down, int64_t across, float *U,
    float *squares)
{
    const int64_t padded = UP(k);
    const size_t area = (size_t)(padded * padded), num = COLUMNS * (size_t)padded + 2 * area + NUM_VECTORS * (size_t)padded;
    Lanes *memory = aligned_alloc(64, (num * sizeof(Lanes) + 63) / 64 * 64);
    if (!memory)
        return -1;
    Workspace w = {.X = memory, .A = memory + COLUMNS * padded};
    w.U = w.A + area;
    Lanes **vectors[] = {&w.diagonal, &w.beside, &w.reflector, &w.product, &w.cosines, &w.sines, &w.squares};
    for (int64_t i = 0; i < NUM_VECTORS; i++)
        *vectors[i] = w.U + area + i * padded;
    int status = 0;
    for (int64_t g = 0; g < num_matrices && status == 0; g += LANES) {
        const int64_t count = num_matrices - g < LANES ? num_matrices - g : LANES;
        const float *some = S + g * k * n;
        memset(w.A, 0, area * sizeof(Lanes));
        memset(w.squares, 0, (size_t)padded * sizeof(Lanes));
        for (int64_t first = 0; first < n; first += COLUMNS) {
            read_columns(w.X, some, count, k, n, down, across, first);
            add_gram(w.A, w.X, k);
        }
        normalize(w.A, k);
        tridiagonalize(&w, k);
        status = diagonalize(&w, k);
        for (int64_t first = 0; first < n; first += COLUMNS) {
            read_columns(w.X, some, count, k, n, down, across, first);
            add_squares(w.squares, w.U, w.X, k);
        }
        for (int64_t lane = 0; lane < count; lane++)
            for (int64_t i = 0; i < k; i++) {
                squares[(g + lane) * k + i] = w.squares[i][lane];
                for (int64_t j = 0; j < k; j++)
                    U[((g + lane) * k + i) * k + j] = w.U[i * padded + j][lane];
            }
    }
    free(memory);
    return status;
}
