"""Free wordings that no grammar would give, written for this project; data only, read by :mod:`.bank`.

A block for each idea. Its first line holds sentences that mean the same, split by ``=``. Each further line is a gold
similarity (0 to 5, against any of the first line) and a sentence: a weaker, opposed or merely look-alike statement.
"""

IDEAS = """
The shop ran out of bread before noon. = By midday there was not a single loaf left in the store.
3.0 The shop had very little bread this morning.
2.4 The shop still had plenty of bread at noon.
0.6 The owner ran out of the shop before noon.

How can I get a red wine stain out of a carpet? = What is the best way to remove spilled wine from a rug?
2.6 How can I get a coffee stain out of a shirt?
1.0 How can I get a good red wine for the party?
1.2 How can I get a carpet out of a small car?

He is broke. = The man has no money left at all. = All his savings are gone.
3.0 He has less money than he used to have.
1.2 The man has plenty of money left.
0.5 He broke all his records.

The match was called off because of heavy snow. = Snowfall was so bad that the game could not go ahead.
3.2 The match started late because of snow.
2.2 The match went ahead in spite of heavy snow.
0.8 He called the coach because of the match.

She quit smoking ten years ago. = It is a decade since she last had a cigarette.
3.6 She quit smoking two years ago.
2.2 She started smoking ten years ago.
0.7 She stopped a moment ago to light a fire.

Is it safe to swim in this lake? = Can people bathe here without any danger?
2.8 Is it allowed to swim in this lake?
2.6 Is it safe to skate on this lake?
0.8 Is it far from this lake to a safe car park?

The new phone is much cheaper than the old one. = You pay far less for the latest handset than for the previous model.
2.6 The old phone is much cheaper than the new one.
3.2 The new phone costs a little less than expected.
2.2 The new phone is much heavier than the old one.

My sister is taller than my brother. = My brother is not as tall as my sister.
2.5 My brother is taller than my sister.
2.2 My sister is older than my brother.
3.2 My sister and my brother are not the same height.

Interest rates are expected to go up again soon. = Economists think borrowing will shortly become more \
expensive once more.
2.4 Interest rates are expected to go down again soon.
3.4 Interest rates might change in the next few months.
0.5 The club is expected to show more interest soon.

The baby slept through the night. = The infant did not wake up once until morning.
2.2 The baby cried through the night.
2.6 The baby slept for an hour after lunch.
0.9 The guard stayed awake through the night.

Nobody survived the crash. = Everyone on board was killed in the accident. = There were no survivors.
2.2 Everybody survived the crash.
2.8 Several people were hurt in the crash.
0.6 The company survived the crash of the market.

The bank refused to lend them money. = They were turned down for a loan.
2.4 The bank agreed to lend them money.
3.0 The bank has not yet decided on their loan.
0.6 They sat on the bank and refused to move.

It rained all day long. = The showers did not stop from morning to evening.
3.4 It rained for a few hours.
1.2 It stayed dry all day long.
0.6 They trained all day long.

The children are afraid of the dark. = Turning out the light scares the kids.
2.2 The children love the dark.
2.6 The children are afraid of spiders.
0.9 The dark room was full of children.

What is the fastest way to learn a language? = How do I become fluent in a foreign tongue quickly?
2.2 What is the fastest way to learn the piano?
3.4 What is the best book to learn a language?
0.9 What is the fastest way to the airport?

The old bridge was closed to traffic. = Vehicles were no longer allowed to cross the ancient bridge.
2.2 The old bridge was opened to traffic.
3.0 One lane of the old bridge was closed.
0.8 The old man was close to the traffic.

The firm has twice as many employees as last year. = The workforce of the company has doubled in twelve months.
2.4 The firm has half as many employees as last year.
3.6 The firm has hired some people since last year.
1.2 The firm has twice as many cars as offices.

He lied to the court. = The man did not tell the judge the truth.
2.2 He told the court the truth.
2.6 He lied to his wife.
0.6 He lay near the tennis court.

There is no cure for this disease yet. = So far doctors cannot heal this illness.
2.2 There is a cure for this disease now.
3.2 The cure for this disease does not always work.
2.4 There is no test for this disease yet.

The lake froze over last night. = Overnight the water turned to ice.
2.2 The ice on the lake melted last night.
3.2 It was bitterly cold at the lake.
0.5 The computer froze again last night.

She plays the violin better than anyone else in her class. = No classmate is as good a violinist as she is.
3.6 She plays the violin very well.
2.4 She plays the violin worse than anyone else in her class.
2.4 She plays chess better than anyone else in her class.

Voters threw out the government. = The ruling party lost the election.
2.2 The ruling party won the election.
3.0 The ruling party lost some seats.
0.9 The government threw out the voters' complaint.

The trip took longer than planned. = They arrived later than they had intended.
2.4 The trip was shorter than planned.
3.2 The trip took very long.
0.9 The plan took longer to write than the book.

A cat is sleeping on the sofa. = On the couch, a kitty is taking a nap.
3.2 A dog is sleeping on the sofa.
3.4 A cat is sitting on the sofa.
2.6 A cat is hiding under the sofa.

The film was so dull that I fell asleep. = I dozed off because the movie bored me.
3.4 The film was rather dull.
1.2 The film was so exciting that I stayed awake.
0.9 I was so tired that I fell off the chair.

You should back up your files every week. = It is wise to save a copy of your documents on a weekly basis.
3.6 You should back up your files every day.
2.1 You should delete your files every week.
1.0 You should park the car back at the office every week.

The heat wave killed dozens of elderly people. = Many senior citizens died because of the extreme temperatures.
2.4 The cold spell killed dozens of elderly people.
3.0 The heat wave made many people ill.
0.9 Dozens of elderly people waved at the train.

Our team came from behind to win. = We were losing at first, but took the victory in the end.
2.5 Our team was ahead but lost in the end.
3.2 Our team won the match.
0.9 Our team bus came from behind the building.

Do I need a visa to enter the country? = Must travellers have an entry permit at the border?
2.8 How do I get a visa to leave the country?
2.6 Do I need a vaccination to enter the country?
0.8 Do I need a credit card to enter the competition?

The price of oil has never been so high. = Crude costs more than at any time in history.
2.4 The price of oil has never been so low.
3.4 The price of oil has risen again.
1.0 The oil platform has never been so high.

She turned down the job offer. = The position was offered to her, but she said no.
2.4 She accepted the job offer.
3.2 She has doubts about the job offer.
0.7 She turned down the radio.

Smoking is not allowed in the building. = Cigarettes are forbidden inside. = You may not light up indoors.
2.4 Smoking is allowed in the building.
2.2 Dogs are not allowed in the building.
0.8 Smoke was coming out of the building.

The volcano could erupt at any moment. = An eruption may be imminent, experts fear.
2.4 The volcano will probably never erupt again.
3.4 The volcano erupted an hour ago.
0.9 The crowd could erupt in cheers at any moment.

He has not spoken to his father for years. = It has been ages since father and son exchanged a word.
2.2 He speaks to his father every day.
2.4 He has not spoken to his neighbour for years.
1.4 He has not mentioned his name for years.

Most people in the village have no running water. = Few homes there are connected to the mains supply.
2.4 Most people in the village have running water.
2.4 Most people in the village have no electricity.
0.7 Most people were running in the water.

The museum is free on Sundays. = On Sundays nobody has to pay to get into the gallery.
2.4 The museum is closed on Sundays.
3.6 The museum is free for students on Sundays.
0.9 I am free to go out on Sundays.

The lion escaped from its cage. = The big cat managed to get out of its enclosure.
2.5 The lion returned to its cage.
3.0 The monkey escaped from its cage.
1.0 The visitors escaped from the rain.

Exercise keeps the heart healthy. = Working out is good for your cardiac system.
2.5 Too much exercise harms the heart.
2.8 Fresh vegetables keep the heart healthy.
0.8 The exercise in the book is at the heart of the course.

The witness could not remember the number plate. = The bystander had forgotten the registration of the car.
2.5 The witness remembered the number plate.
2.8 The witness could not remember the face of the driver.
1.0 The number of plates was hard to remember.

I would rather walk than take the bus. = Going on foot seems better to me than public transport.
2.5 I would rather take the bus than walk.
2.8 I would rather cycle than take the bus.
3.2 I quite like walking.

The vaccine protects nine out of ten people. = Ninety percent of those who get the jab are safe.
2.5 The vaccine protects one out of ten people.
3.4 The vaccine protects many people.
2.2 The helmet protects nine out of ten riders.

The meeting has been moved from Monday to Thursday. = We will meet three days later than originally planned, on \
Thursday.
2.6 The meeting has been moved from Thursday to Monday.
3.0 The meeting has been put off.
0.9 The furniture has been moved from the hall to the office.

The striker is out of the tournament with a broken leg. = A fractured shin means that the forward will play no \
further part.
3.0 The striker limped off with a sore leg.
2.6 The goalkeeper is out of the tournament with a broken finger.
0.9 The table has a broken leg.

Many bees are dying because of pesticides. = Chemicals sprayed on crops kill large numbers of honey insects.
2.8 Many birds are dying because of pesticides.
2.4 Pesticides do no harm to bees.
2.4 Many bees are dying because of the cold winter.

Which film won the most awards last year? = What movie took home more prizes than any other in the past year?
2.8 Which actor won the most awards last year?
2.2 Which film was the longest last year?
3.0 Which films won an award last year?

The soup tastes too salty. = There is more salt in the broth than there should be.
2.4 The soup needs more salt.
2.4 The soup tastes too spicy.
0.9 The sea water tastes salty.

Her flight landed two hours early. = The plane she was on arrived well ahead of schedule.
2.2 Her flight landed two hours late.
3.4 Her flight landed safely.
0.9 She got up two hours early.

Police let the suspect go for lack of proof. = There was not enough evidence, so the man was released.
2.5 Police locked the suspect up after they found proof.
3.0 Police questioned the suspect for hours.
0.8 The baker had to let two people go for lack of orders.

The government plans to tax sugary drinks. = Ministers want lemonade and cola to become dearer through a levy.
2.8 The government plans to tax tobacco.
2.5 The government plans to abolish the tax on sugary drinks.
3.2 Doctors call for a tax on sugary drinks.

My laptop will not turn on. = The computer does not start when I press the button.
2.5 My laptop will not turn off.
3.0 My laptop turns on very slowly.
0.8 My brother will not turn up on time.

The woman is slicing a tomato. = A tomato is being cut by a lady.
3.4 The woman is slicing an onion.
2.8 The woman is washing a tomato.
1.0 The woman is driving a car.

Sea levels are rising as the ice caps melt. = Because polar ice is thawing, the oceans stand higher than before.
2.4 Sea levels are falling as the ice caps grow.
3.2 The polar ice is melting.
1.0 Unemployment levels are rising as the economy shrinks.

The author has finished her second novel. = Her follow-up book has been completed by the writer.
3.6 The author has finished her third novel.
2.5 The author has given up on her second novel.
2.8 The author has read her second novel aloud.

Few students passed the exam. = Most of the class failed the test.
2.5 Few students failed the exam.
2.4 Few students took the exam.
0.9 A few students passed the station.

The orchestra played without a conductor. = Nobody was leading the musicians during the concert.
3.0 The orchestra played with a new conductor.
2.2 The orchestra played without an audience.
0.8 The train left without a conductor.

The factory shut down and everyone lost their job. = All the workers became unemployed when the plant closed.
2.5 The factory opened and everyone found a job.
3.6 The factory shut down for good.
2.8 The factory cut some jobs.

He cooks for his family every evening. = Dinner at home is made by him each night.
2.4 He reads to his family every evening.
3.6 He cooks for his family every Sunday.
2.5 His family cooks for him every evening.

Everybody except Anna came to the party. = Anna was the only one who was missing at the celebration.
2.4 Nobody except Anna came to the party.
3.0 Anna did not come to the party.
0.9 Anna voted for the green party.

The rocket exploded seconds after take-off. = Shortly after it left the ground, the launcher blew up.
2.2 The rocket reached orbit minutes after take-off.
3.2 The rocket exploded on the launch pad before take-off.
2.4 The plane exploded seconds after take-off.

Wash your hands before you eat. = Clean your fingers ahead of each meal.
2.4 Wash your hands after you eat.
2.6 Wash the apples before you eat them.
0.8 Wash your car before you sell it.
"""
