import { formatUtc } from '@/lib/format';
import { cornersOf, niceTop, type TimePoint } from '@/lib/time-scale';

interface TimeChartProps {
  /** What it shows, and the gist of it, for those who do not see it. */
  label: string;
  /** In ascending order of time. */
  points: readonly TimePoint[];
  fromMs: number;
  toMs: number;
  /** Holds until the next point, and to the end; otherwise points are joined and marked. */
  step?: boolean;
  /** Level lines, such as a target. */
  levels?: readonly { value: number; label: string }[];
  format: (value: number) => string;
}

const WIDTH = 600;
const HEIGHT = 110;

/** One value over time. It stretches with its place; its labels are text beside it. */
export function TimeChart({ label, points, fromMs, toMs, step = false, levels = [], format }: TimeChartProps) {
  const top = niceTop(Math.max(1, ...points.map(({ value }) => value), ...levels.map(({ value }) => value)));
  const span = Math.max(1, toMs - fromMs);
  const x = (atMs: number) => ((atMs - fromMs) / span) * WIDTH;
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT;
  const line = cornersOf(points, toMs, step)
    .map(({ atMs, value }) => `${x(atMs).toFixed(1)},${y(value).toFixed(1)}`)
    .join(' ');
  return (
    <figure className="min-w-0">
      <div className="flex gap-2">
        <div
          aria-hidden
          className="flex w-12 shrink-0 flex-col justify-between text-right text-2xs text-ink-3 leading-3"
        >
          <span>{format(top)}</span>
          <span>{format(0)}</span>
        </div>
        <div className="relative min-w-0 flex-1">
          <svg
            role="img"
            aria-label={label}
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            className="block h-28 w-full overflow-visible border-b border-l"
          >
            {levels.map((level) => (
              <line
                key={level.label}
                x1={0}
                x2={WIDTH}
                y1={y(level.value)}
                y2={y(level.value)}
                className="stroke-ink-3"
                strokeDasharray="4 4"
                vectorEffect="non-scaling-stroke"
              />
            ))}
            <polyline
              points={line}
              fill="none"
              strokeWidth={2}
              strokeLinejoin="round"
              className="stroke-accent"
              vectorEffect="non-scaling-stroke"
            />
          </svg>
          {levels.map((level) => (
            <span
              key={level.label}
              aria-hidden
              className="-mt-0.5 absolute right-0 -translate-y-full bg-surface/80 px-1 text-2xs text-ink-3 leading-4"
              style={{ top: `${(y(level.value) / HEIGHT) * 100}%` }}
            >
              {level.label}
            </span>
          ))}
          {step
            ? null
            : points.map(({ atMs, value }) => (
                <span
                  key={atMs}
                  aria-hidden
                  title={`${format(value)} at ${formatUtc(new Date(atMs).toISOString())}`}
                  className="absolute size-1.5 -translate-x-1/2 -translate-y-1/2 rounded-full bg-accent"
                  style={{ left: `${(x(atMs) / WIDTH) * 100}%`, top: `${(y(value) / HEIGHT) * 100}%` }}
                />
              ))}
        </div>
      </div>
    </figure>
  );
}
