import { Circle, CircleCheck, CircleDashed, OctagonAlert, TriangleAlert } from 'lucide-react';
import type { BotStatus } from '../lib/apiTypes';
import { Pill, type Tone } from './Pill';

const looks = {
  running: { word: 'Running', icon: CircleCheck, tone: 'ok' },
  starting: { word: 'Starting', icon: CircleDashed, tone: 'info' },
  stopped: { word: 'Stopped', icon: Circle, tone: 'idle' },
  degraded: { word: 'Degraded', icon: TriangleAlert, tone: 'warn' },
  crashed: { word: 'Crashed', icon: OctagonAlert, tone: 'bad' },
} as const satisfies Record<BotStatus, { word: string; icon: typeof Circle; tone: Tone }>;

/** Icon, word and colour: never colour alone. */
export function BotStatusBadge({ status }: { status: BotStatus }) {
  const { word, icon, tone } = looks[status];
  return (
    <Pill tone={tone} icon={icon}>
      {word}
    </Pill>
  );
}
