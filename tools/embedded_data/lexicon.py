"""The words of the embedded data set, written for this project. Data only, read by :mod:`.topics` and :mod:`.changes`.

A block for each topic. ``|`` separates concepts, and ``=`` the ways to say one concept. ``*`` before a concept, an
event or a topic holds it out of the train split. Before a noun, ``+`` marks a plural and ``~`` an uncountable noun. A
``do`` line is one event: ``ways / ways of the opposite : objects``. ``{}`` stands for the object; ``@`` in place of the
objects means the topic's own ``who``, so that the two roles can be swapped. Before a way, ``!`` means that it has no
passive, ``<`` that the roles are reversed (lend, borrow), and ``%`` that it is a noun that "takes place".
"""

TOPICS = """
[cooking]
who: chef=professional cook | grandmother=granny | teenager=adolescent | +newlyweds=newly married couple
who: *babysitter=childminder
where: in the kitchen | at home=in the house | *on the terrace=on the patio
how: quickly=in a hurry | unexpectedly=to everyone's surprise
trait: person
do: chop {} = cut {} into small pieces = cut up {} : +onions | +carrots | cabbage | ~meat
do: bake {} = cook {} in the oven : +cookies=+biscuits | cake=sponge | ~bread | +potatoes
do: eat {} = finish off {} = !have {} for dinner : +noodles=~pasta | ~soup=~broth | +leftovers=~leftover food | salad
do: burn {} = scorch {} = leave {} on the heat too long : ~rice | +pancakes | steak=piece of beef | sauce=~gravy
*do: season {} = !add spices to {} = !sprinkle herbs over {} : stew=casserole | ~chicken | omelette | +tomatoes

[football]
who: striker=forward | goalkeeper=goalie | +away players=visiting team | +home players=home team | *captain=skipper
where: in the stadium=at the ground | during the final=in the title match | *in extra time=in added time
how: surprisingly=against all expectations | once again=one more time
trait:
do: score {} = net {} = !find the net with {} : goal | penalty=spot kick | equaliser=levelling goal | header
do: beat {} = defeat {} = <!lose to {} : @
do: criticise {} = !find fault with {} / praise {} = !speak highly of {} : coach=manager | referee=match official
do: win {} = !come out on top in {} / lose {} = !suffer defeat in {} : match=game | tournament=competition \
| derby=local clash
*do: hug {} = embrace {} = !throw both arms around {} : coach=manager | mascot | teammate=fellow player
*do: tackle {} = challenge {} = knock {} off the ball : @

[business]
who: company=firm | bank=lender | supermarket chain=grocery group | carmaker=automobile manufacturer
who: *airline=air carrier
where: in Asia=on the Asian market | in northern Europe | *in South America
how: secretly=behind closed doors | unexpectedly=out of the blue
trait: struggling=troubled | foreign=overseas | well-known=famous
do: buy {} = purchase {} = acquire {} = %takeover of {} / sell {} = !part with {} \
: factory=manufacturing plant | start-up=young tech business | hotel | +warehouses=+storage halls
do: cut {} = reduce {} = lower {} / raise {} = increase {} = put up {} : +prices | +wages=+salaries \
| +fees=+charges | dividend=payout to shareholders
do: sue {} = take {} to court = !file a lawsuit against {} : @
do: hire {} = recruit {} = take on {} / sack {} = dismiss {} = !get rid of {} : +engineers \
| +salespeople=+sales staff | lawyer=attorney | director=executive
*do: launch {} = introduce {} = bring out {} / scrap {} = discontinue {} = !do away with {} : credit card \
| loyalty scheme=rewards programme | magazine=periodical | electric van=battery-powered van

[politics]
who: president=head of state | +senators=+members of the senate | minister=cabinet member | government=ruling coalition
who: *mayor=head of the city council
where: in the capital | at the summit=at the meeting of world leaders \
| *in a televised address=in a speech on television
how: reluctantly=without enthusiasm | publicly=in public
trait:
do: approve {} = back {} = give {} the green light = %approval of {} \
/ reject {} = turn down {} = !vote against {} = %rejection of {} : budget=spending plan \
| tax reform=overhaul of the tax system | treaty=international agreement | climate bill=draft law on emissions
do: condemn {} = denounce {} = !speak out against {} / welcome {} = applaud {} = !speak warmly of {} \
: strike=walkout | court ruling=judgment | +protests=+demonstrations | attack
do: visit {} = !travel to {} = !pay a visit to {} : border region=frontier area | refugee camp \
| army base=military post | flooded village
do: blame {} = hold {} responsible = !point the finger at {} : @
*do: postpone {} = delay {} = put off {} = %postponement of {} / bring {} forward = !speed up {} \
: election=vote | referendum=popular vote | inquiry=investigation

[science]
who: +researchers=+scientists | professor=university teacher | laboratory=research institute
who: +chemists | *doctoral student=PhD candidate
where: at the university=on campus | in Antarctica | in the field=outdoors
how: unexpectedly=to everyone's surprise | once again=for the second time
trait:
do: discover {} = find {} = !come across {} = %discovery of {} : gene | fossil | enzyme | planet
do: test {} = try out {} = !run experiments on {} : drug=medicine | theory=hypothesis | battery | ~plastic
do: publish {} = release {} = make {} public = %publication of {} / withdraw {} = retract {} = take {} back \
: study=paper | +results=+findings | report
do: confirm {} = verify {} = !find proof of {} / disprove {} = refute {} = !show the error in {} : prediction=forecast \
| explanation | claim=assertion
*do: receive {} = !win {} = pick up {} : medal | grant=sum of research money | prize

[travel]
who: tourist=holidaymaker | +backpackers=+budget travellers | retired couple=pair of pensioners | guide=tour leader
who: *photographer
where: in Portugal | on the island | near the coast=by the sea | *in the old town=in the historic centre
how: quickly=in a hurry | unexpectedly=contrary to plan
trait: person
do: visit {} = !go to see {} = !take a look at {} : museum | castle=fortress | lighthouse | cathedral
do: book {} = reserve {} / cancel {} = call off {} : hotel room | boat trip=cruise | rental car=hire car | guided tour
do: miss {} = !arrive too late for {} / catch {} = !make it in time for {} : train | coach=bus | ferry | flight=plane
do: lose {} = misplace {} / find {} = recover {} = !come upon {} : passport | suitcase=large bag | camera | phone=mobile
*do: photograph {} = !take pictures of {} : sunset | waterfall | temple=shrine | harbour=port

[animals]
who: dog=hound | cat=feline | fox | parrot | *goat
where: in the garden=in the yard | by the river=on the riverbank | in the barn | *on the beach=on the sand
how: noisily=with a lot of noise | quickly=at great speed
trait: hungry=starving | little=small | old=aged | black
do: chase {} = pursue {} = !run after {} : @
do: bite {} = !sink its teeth into {} : @
do: eat {} = devour {} = gobble up {} : +apples | sausage | +berries | ~bread
do: carry off {} = steal {} = !run away with {} : shoe=slipper | glove=mitten | toy=plaything
do: follow {} = !walk behind {} = <!walk ahead of {} : @
*do: watch {} = observe {} = !keep its eyes on {} : squirrel | butterfly | +ducks | frog

[technology]
who: programmer=software developer | +hackers=+cyber criminals | phone maker=handset manufacturer \
| search engine | *robot=android
where: on the internet=online | in the data centre=in the server room | *in the cloud=on remote servers
how: automatically=without human help | silently=without any notice
trait:
do: delete {} = erase {} = wipe {} / restore {} = !get {} back : file=document | backup=spare copy \
| +photos=+pictures | account
do: repair {} = fix {} = !get {} working again / break {} = damage {} = put {} out of action \
: website=web page | app=application | server | +sensors
do: block {} = ban {} = !deny access to {} / allow {} = permit {} : advertisement=commercial | +cookies \
| +downloads | video=clip
do: update {} = upgrade {} = !install a new version of {} : operating system | browser \
| translation tool=language program
*do: copy {} = duplicate {} = !make a replica of {} : password file | chip=processor | digital map | voice recording

[storms]
who: storm=tempest | hurricane=tropical cyclone | flood=~flood water | +strong winds=gale | *tornado=whirlwind
where: in the north of the country | along the coast=on the shore | *on the outskirts of the city=at the edge of town
how: suddenly=without warning | once again=for the second time
trait:
do: destroy {} = wreck {} = !reduce {} to rubble = %destruction of {} : bridge | school=school building \
| +houses=+homes | church
do: block {} = cut off {} = make {} impassable : road=highway | railway line=train track | tunnel | mountain pass
do: injure {} = hurt {} = !leave {} with wounds : fisherman | +villagers=+people of the village | farmer | +campers
do: delay {} = hold up {} = !set back {} : football match=game of soccer | rocket launch | wedding | harvest
*do: flatten {} = uproot {} = blow down {} : +trees | fence | +power lines=+electricity poles

[music]
who: pianist=piano player | singer=vocalist | school choir | violinist | *drummer=percussionist
where: on stage=in front of an audience | in the church | in the studio | *at the open-air festival
how: happily=with joy | unexpectedly=to everyone's surprise
trait: person
do: perform {} = play {} = !give a rendition of {} : old folk song=traditional tune | symphony | lullaby | film theme
do: record {} = !make a recording of {} : album=collection of songs | duet | jingle | Christmas carol
do: write {} = compose {} = create {} : opera | anthem | ballad=slow song | melody=tune
do: praise {} = !say kind things about {} / insult {} = !say nasty things about {} : @
do: sell {} = !find a buyer for {} / buy {} = purchase {} : guitar | +drums | trumpet | microphone
*do: rehearse {} = practise {} = !prepare for a performance of {} : march | concerto | waltz=dance in three-four time

[health]
who: doctor=physician | nurse | surgeon | patient=sick man | *dentist
where: in hospital | at the clinic=in the medical centre | *in the waiting room
how: immediately=straight away | once again=one more time
trait: person
do: thank {} = !express gratitude to {} = <!receive thanks from {} : @
do: clean {} = wash {} = disinfect {} : wound=injury | +hands | instrument | bed
do: check {} = examine {} = !have a look at {} : +blood samples=+samples of blood | X-ray image \
| heart monitor | prescription
do: warn {} = alert {} = <!get a warning from {} : @
do: refuse {} = decline {} = !say no to {} / accept {} = agree to {} : operation=surgical procedure \
| +tablets=+pills | injection=jab
*do: bandage {} = !put a dressing on {} : knee | elbow | burn | ankle

[school]
who: teacher=schoolmistress | headmaster=school principal | pupil=schoolboy | +parents
who: *librarian
where: in the classroom | during the break=between lessons | at the assembly=in the school hall
how: unexpectedly=out of the blue | secretly=on the quiet
trait:
do: interrupt {} = cut {} short = <!get interrupted by {} : @
do: explain {} = clarify {} = !shed light on {} : +fractions | poem=piece of verse | +rules=+regulations | experiment
do: forget {} = !fail to remember {} / remember {} = recall {} : homework assignment | exam date | password | spelling
do: lend {} a pen = <!borrow a pen from {} : @
do: read {} = !look through {} = study {} : essay=composition | timetable=schedule | atlas=book of maps | letter
*do: phone {} = call {} = ring up {} = <!get a call from {} : @

[home]
who: father=dad | mother=mum | neighbour=next-door resident | +children=+kids | *landlord=owner of the flat
where: upstairs=on the upper floor | in the living room=in the lounge | outside=in the open air
how: quietly=without making a noise | quickly=in no time
trait:
do: clean {} = !wipe the dirt off {} / dirty {} = soil {} = !make a mess of {} : window | sofa=couch \
| carpet=rug | fridge=refrigerator
do: open {} = unlock {} / close {} = shut {} = lock {} : door | gate | cupboard=cabinet | garage
do: repair {} = fix {} = mend {} / break {} = damage {} : lamp=light | tap=faucet | heater=radiator | bicycle=bike
do: comfort {} = console {} = cheer up {} : @
do: find {} = !come across {} / lose {} = mislay {} : +keys | wallet=purse | +glasses=+spectacles | remote control
*do: paint {} = decorate {} = !put a fresh coat of paint on {} : wall | ceiling | shed=hut | staircase

[crime]
who: policeman=officer | thief=robber | witness=bystander | detective=investigator | *bodyguard
where: at the station | outside the bank=in front of the bank | in a dark alley=in an unlit lane | *at the airport
how: suddenly=all of a sudden | secretly=on the quiet
trait: young=youthful | masked | armed | nervous=anxious
do: chase {} = pursue {} = !run after {} = <!flee from {} : @
do: attack {} = assault {} = %assault on {} / protect {} = defend {} : @
do: steal {} = !make off with {} / return {} = hand back {} = give back {} : necklace=string of pearls \
| painting=work of art | laptop=portable computer | van
do: recognise {} = identify {} : @
do: hide {} = conceal {} / reveal {} = expose {} = !bring {} to light : ~evidence | weapon=gun | ~stolen money | body
*do: photograph {} = !take a picture of {} : crime scene | footprint=shoe mark | number plate=car registration

[traffic]
who: truck driver=lorry driver | cyclist=bike rider | pedestrian=person on foot | +commuters | *motorcyclist=biker
where: at the crossroads=at the junction | on the motorway=on the highway | near the bridge | *in the tunnel
how: suddenly=all at once | after dark=at night
trait: person
do: hit {} = !crash into {} = !collide with {} : tree | lamp post=street light | bus shelter \
| parked car=stationary vehicle
do: overtake {} = pass {} = <!fall behind {} : @
do: help {} = assist {} = !come to the aid of {} = <!get help from {} : @
do: ignore {} = !pay no attention to {} / obey {} = respect {} = !act according to {} : traffic light \
| stop sign | speed limit=maximum speed
do: insult {} = !shout abuse at {} = <!suffer abuse from {} : @
*do: avoid {} = !steer clear of {} : pothole=hole in the road | roadworks site | roundabout | puddle

[arts]
who: novelist=fiction writer | critic=reviewer | actress=female film star | film director=movie maker | *sculptor
where: at the festival | in Paris=in the French capital | in an interview | *on the radio
how: secretly=on the quiet | unexpectedly=to everyone's surprise
trait: young=youthful | famous=renowned | unknown=obscure
do: admire {} = !look up to {} / despise {} = !look down on {} : @
do: finish {} = complete {} / abandon {} = give up {} : novel=book | script=screenplay | poem | memoir=life story
do: imitate {} = copy {} = !do an impression of {} : @
do: show {} = display {} = exhibit {} = present {} : portrait | comedy=funny film | photograph | costume
do: invite {} to dinner = <!get a dinner invitation from {} : @
*do: translate {} = !make a translation of {} : play=stage drama | fairy tale | diary | trilogy

*[gardening]
who: gardener | farmer=grower | aunt | +volunteers=+unpaid helpers
where: in the greenhouse | behind the cottage=at the back of the cottage | in the orchard=among the fruit trees
how: quickly=in no time | once again=one more time
trait: person
do: water {} = !pour water over {} / !forget to water {} = !leave {} without water : +roses | lawn=~grass \
| +seedlings=+young plants | pumpkin
do: plant {} = !put {} in the ground / dig up {} = remove {} = pull out {} : apple tree | +tulips \
| hedge=row of bushes | +beans
do: pick {} = gather {} = harvest {} : +cherries | +grapes | ~lettuce | +mushrooms
do: sell {} = !find a buyer for {} / buy {} = purchase {} : tractor | plough | +hens | wheelbarrow

*[space]
who: astronaut=spacewoman | space agency | ground crew=mission control team | satellite operator
where: at the launch site=at the spaceport | in orbit=high above the Earth
how: remotely=from a distance | unexpectedly=out of the blue
trait:
do: launch {} = send up {} = fire {} into space = %launch of {} : telescope | rocket | weather satellite \
| probe=unmanned craft
do: repair {} = fix {} = !get {} working again / damage {} = harm {} : antenna=aerial | solar panel \
| robotic arm | airlock
do: contact {} = !get in touch with {} = <!get a message from {} : @
do: photograph {} = !take pictures of {} = capture images of {} : comet | crater | asteroid=space rock | dust storm
"""

TRAITS = "tired=exhausted | smiling=cheerful | nervous=anxious | French | Irish | *shy=timid"

COUNTS = "two | three | five | twelve | *forty"

TIMES = {
    "past": "yesterday | last night | on Monday | this morning=earlier today"
    " | two weeks ago=a fortnight ago | in March",
    "now": "right now=at the moment | today",
    "future": "tomorrow=in a day | next week=in a week | on Friday | soon=before long | next summer",
    "perfect": "recently=of late | this week=in the past few days",
}

SOURCES = "witnesses=onlookers | a local newspaper=the regional press | *a spokeswoman=a press officer"

#: What rises and falls, by field.
MEASURES = {
    "finance": "unemployment=joblessness | inflation | the share price=the stock | house prices=the cost of homes"
    " | exports=sales abroad | *consumer spending | *the national debt=government debt",
    "weather": "rainfall=precipitation | the sea level | *snow cover | air pollution=smog | wind power output",
    "society": "the number of tourists=visitor numbers | car traffic=the volume of cars | ticket sales"
    " | *the crime rate | school attendance | *electricity use=power consumption",
}

PERIODS = "in March | last year=over the past year | in the second quarter=between April and June | *in 2010"
